#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The life of "ktls serve" and of its connections: time limits, how many at
# once, signals, and what the log tells of it all. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"
echo page >"$www/index.html"
truncate -s 64M "$www/big"
short=$slow			# seconds that something may take
request='GET / HTTP/1.1\r\nHost: x\r\n\r\n'

logged()	# REGEX: sooner or later
{
	until_true grep -qE -- "$1" "$log" ||
		{ cat "$log"; return 1; }
}

# A client that says what is written to descriptor 7; its answers are in
# $dir/answers
open_client()	# [S_CLIENT-OPTION]...
{
	rm -f "$dir/in"
	mkfifo "$dir/in"
	talk "$@" <"$dir/in" >"$dir/answers" &
	client=$!
	exec 7>"$dir/in"
}

say()	# FORMAT
{
	# shellcheck disable=SC2059
	printf "$1" >&7
}

answered()	# TIMES STATUS
{
	[ "$(grep -ac "HTTP/1\.1 $2" "$dir/answers")" = "$1" ]
}

# ---- time limits -----------------------------------------------------------

# Waits until the server has closed descriptor 7, a TCP connection
await_close()
{
	within cat <&7 >/dev/null || true
	exec 7>&-
}

slow_handshake()
{
	serve_p256 --timeout "$short" "$www"
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	await_close
	logged ' requests=0 .*end="handshake timeout"'
	# nor does a byte now and then help
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	printf '\026\003\001\002' >&7
	await_close
	is "timeouts" "$(grep -c 'end="handshake timeout"' "$log")" 2
	is "still serves" "$(get /)" page
}

slow_request()
{
	serve_p256 --timeout "$short" "$www"
	open_client
	say 'GET / HTTP/1.1\r\nHo'
	wait "$client"		# the server has closed
	exec 7>&-
	has answer "$(<"$dir/answers")" '^HTTP/1\.1 408 '
	has answer "$(<"$dir/answers")" '^Connection: close'
	logged ' requests=1 .*end="closed by us"'
	# there is no content for who asks for none
	open_client
	say 'HEAD / HTTP/1.1\r\nHo'
	wait "$client"
	exec 7>&-
	has "answer to HEAD" "$(<"$dir/answers")" '^HTTP/1\.1 408 '
	is "bytes after it" "$(sed '1,/^\r$/d' "$dir/answers" | wc -c)" 0
}

idle()
{
	serve_p256 --idle-timeout "$short" "$www"
	open_client
	say "$request"
	wait "$client"
	exec 7>&-
	answered 1 200
	logged ' requests=1 .*end="idle timeout"'
	has "close_notify before the end" "$(<"$dir/s_client.log")" 'depth=0'
	lacks "close_notify before the end" "$(<"$dir/s_client.log")" \
		'unexpected eof'
}

# Who takes nothing of what is sent, is given up.
slow_reader()
{
	serve_p256 --timeout "$short" "$www"
	mkfifo "$dir/stuck"
	printf 'GET /big HTTP/1.1\r\nHost: x\r\n\r\n' | talk >"$dir/stuck" &
	client=$!
	exec 7<"$dir/stuck"
	logged 'end="send timeout"'
	exec 7<&-
	wait "$client" || true
	is "still serves" "$(get /)" page
}

# ... but not who only takes his time.
steady_reader()
{
	local n

	serve_p256 --timeout "$short" "$www"
	mkfifo "$dir/pipe"
	web /big >"$dir/pipe" &
	client=$!
	exec 7<"$dir/pipe"
	for n in {1..8}; do
		head -c 8388608 <&7 | wc -c >"$dir/n"
		is "part $n" "$(<"$dir/n")" 8388608
		sleep 0.3	# together longer than the limit
	done
	exec 7<&-
	wait "$client"
	logged ' sent=67[0-9]{6} .*end="closed by peer"'
}

usage()
{
	local arg

	for arg in --timeout=0 --timeout=x --idle-timeout=-1 \
		--drain-timeout=1x --max-conns=0 --max-conns=x --nonesuch \
		--engine=select \
		-l=1:2:3 --tx=no; do
		ends 1 "$ktls" serve "$arg" "$www"
		has "$arg" "$out" "Try 'ktls serve --help'"
	done
	ends 1 "$ktls" serve
	has directory "$out" 'which directory'
	ends 1 "$ktls" serve "$www" "$www"
	ends 1 "$ktls" serve "$www/none"
	has directory "$out" 'www/none: No such file'
	ends 1 "$ktls" serve -l "127.0.0.1:0" "$www/index.html"
	has directory "$out" 'Not a directory'
	ends 1 "$ktls" serve -l 192.0.2.1:0 "$www"
	has address "$out" 'cannot listen on 192\.0\.2\.1 port 0: '
	serve_p256 "$www"
	ends 1 "$ktls" serve -l "127.0.0.1:$port" "$www"
	has port "$out" 'Address already in use'
	for arg in --help -h; do
		ends 0 "$ktls" serve "$arg"
		has help "$out" '^Usage: ktls serve '
	done
	ends 0 "$ktls" help serve
	has help "$out" '^Examples:'
	ends 1 "$ktls"
	ends 1 "$ktls" nonesuch
	ends 1 "$ktls" help nonesuch
}

# ---- how many --------------------------------------------------------------

sockets()	# how many the server has
{
	find "/proc/$server/fd" -lname 'socket:*' 2>/dev/null | wc -l
}

has_sockets()
{
	[ "$(sockets)" = "$1" ]
}

at_once()
{
	local listening

	serve_p256 --max-conns 2 "$www"
	listening=$(sockets)	# one for each thread
	open_client
	say "$request"
	until_true answered 1 200
	exec 8<>"/dev/tcp/127.0.0.1/$port"
	until_true has_sockets $((listening + 2))
	# the third is in the kernel's queue, and served when there is room
	get / >"$dir/third" 8>&- &
	third=$!
	say "$request"
	until_true answered 2 200
	is "while it waits" "$(sockets)" $((listening + 2))
	[ ! -s "$dir/third" ]
	exec 8>&-
	wait "$third"
	is third "$(<"$dir/third")" page
	exec 7>&-
	kill "$client" 2>/dev/null || true
	logged 'requests=1 '
}

addresses()
{
	local fifo=$dir/two line n=0

	mkfifo "$fifo"
	"$ktls" serve -l 127.0.0.1:0 -l '[::1]:0' -l localhost:0 -l :0 \
		"$www" >"$fifo" 2>"$dir/serve.log" &
	server=$!
	servers+=("$server")
	while IFS= read -r line; do
		n=$((n + 1))
		has "line $n" "$line" '^listening on .*:[0-9]+$'
		is "${line#* on }" "$(within "$ktls" get --insecure \
			"https://localhost/" --connect-to \
			"$(sed 's/.* on //; s/^\[::\]/[::1]/' <<<"$line")")" page
		[ $n -lt 4 ] || break
	done <"$fifo"
	is lines $n 4
}

# ---- the log ---------------------------------------------------------------

log_line()
{
	local at='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z'
	local way='(kernel|"user: [^"]+")'

	serve_p256 --client-ca "$pki/ca.pem" --client-optional "$www"
	get -c "$pki/client.pem" -k "$pki/client.key" / >"$dir/page"
	logged "^$at peer=127\.0\.0\.1:[0-9]+ version=\"TLS 1\.3\" \
suite=TLS_AES_128_GCM_SHA256 group=[a-zA-Z0-9]+ alpn=http/1\.1 sni=localhost \
client=(client|\"[^\"]*client\") tx=$way rx=$way requests=1 \
sent=[1-9][0-9]+ received=[1-9][0-9]+ time=[0-9]+\.[0-9]{3} \
end=\"closed by (us|peer)\"\$"
	is "lines of it" "$(grep -c peer= "$log")" 1
	talk -alpn h2 </dev/null >"$dir/none" || true
	logged "^$at peer=127\.0\.0\.1:[0-9]+( sni=localhost)? \
end=\"handshake failed\" reason=\"[^\"]+\" alert=no_application_protocol\$"
	stop_server
	serve_p256 -q "$www"
	is page "$(get /)" page
	stop_server
	lacks quiet "$(<"$log")" peer=
	serve_p256 -v "$www"
	code '/none?a=b' >"$dir/code"
	is code "$(<"$dir/code")" 404
	logged "^$at peer=[0-9.:]+ status=404 bytes=0 method=GET \
target=\"/none\?a=b\"\$"
	is page "$(web /)" page
	logged ' status=200 bytes=5 method=GET target=/$'
	printf 'PUSH /x HTTP/1.1\r\n\r\n' | talk >"$dir/none"
	logged ' status=501 bytes=0 method=- target=""$'
}

# ---- signals ---------------------------------------------------------------

# Idle connections are closed, and it ends well.
signals()
{
	local signal

	for signal in TERM INT; do
		serve_p256 "$www"
		open_client
		say "$request"
		until_true answered 1 200
		kill "-$signal" "$server"
		wait "$client"
		exec 7>&-
		await_server
		logged 'draining: 1 connections?$'
		logged 'end=drained$'
	done
}

stuck()	# a reader of /big that stops
{
	mkfifo "$dir/stuck$nserve"
	web /big >"$dir/stuck$nserve" 2>"$dir/curl.log" &
	client=$!
	exec 7<"$dir/stuck$nserve"
	head -c 1000 <&7 >/dev/null
}

# What does not end is cut: after --drain-timeout, or by a second signal.
impatient()
{
	serve_p256 --drain-timeout "$short" "$www"
	stuck
	kill -TERM "$server"
	await_server
	logged 'requests=1 .*end=cut$'
	exec 7<&-
	wait "$client" && return 1
	serve_p256 --drain-timeout 600 "$www"
	stuck
	kill -TERM "$server"
	logged draining:
	kill -TERM "$server"
	await_server
	logged 'requests=1 .*end=cut$'
	exec 7<&-
	wait "$client" && return 1
	return 0
}

both_engines
run_tests slow_handshake slow_request idle slow_reader steady_reader usage \
	at_once addresses log_line signals impatient
