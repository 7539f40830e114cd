#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls serve" after SIGHUP, sessions among servers, and how many connections
# an address may have. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"
echo page >"$www/index.html"

# ... with a copy of a certificate that can be replaced
serve_copy()	# [OPTION]... DIR
{
	cp "$pki/p256.pem" "$dir/cert.pem"
	cp "$pki/p256.key" "$dir/cert.key"
	serve -c "$dir/cert.pem" -k "$dir/cert.key" "$@"
}

reloads()	# N: SIGHUP, until as many are logged
{
	kill -HUP "$server"
	until_true reloaded "$1"
}

reloaded()
{
	[ "$(grep -cE ' (not )?reloaded' "$log")" = "$1" ]
}

subject()
{
	within openssl s_client -connect "127.0.0.1:$port" -servername \
		localhost </dev/null 2>/dev/null | sed -n 's/^subject=//p'
}

resumes()	# WANTED: a get by the session in $dir/session
{
	get -v --session-file "$dir/session" / >"$dir/page" 2>"$dir/get.log"
	is resumed "$(grep -c 'resumed' "$dir/get.log")" "$1"
}

certificate()
{
	serve_copy "$www"
	is before "$(subject)" 'CN = p256'
	cp "$pki/p384.pem" "$dir/cert.pem"
	cp "$pki/p384.key" "$dir/cert.key"
	is "not yet" "$(subject)" 'CN = p256'
	reloads 1
	is after "$(subject)" 'CN = p384'
	is page "$(get /)" page
}

# Whatever is wrong with a file, it goes on with what it has.
bad()
{
	serve_copy --metrics 127.0.0.1:0 "$www"
	metrics=$(sed -n 's|.*metrics on \(http://.*/metrics\)$|\1|p' "$log")
	echo rubbish >"$dir/cert.pem"
	reloads 1
	is page "$(get /)" page
	has why "$(<"$log")" '^ktls serve: .*cert\.pem'
	cp "$pki/p384.pem" "$dir/cert.pem"	# not of this key
	reloads 2
	rm "$dir/cert.pem"
	reloads 3
	is still "$(subject)" 'CN = p256'
	cp "$pki/p256.pem" "$dir/cert.pem"
	reloads 4
	has good "$(tail -n 1 "$log")" ' reloaded$'
	out=$(within curl -sS --noproxy '*' "$metrics")
	has bad "$out" '^ktls_reloads_total\{outcome="bad"\} 3$'
	has good "$out" '^ktls_reloads_total\{outcome="good"\} 1$'
}

# Tickets of before are good; so is a connection.
sessions()
{
	serve_copy "$www"
	resumes 0
	resumes 1
	mkfifo "$dir/in"
	talk <"$dir/in" >"$dir/answers" &
	others+=($!)
	exec 7>"$dir/in"
	printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\n' >&7
	until_true grep -q page "$dir/answers"
	reloads 1
	resumes 1
	printf 'GET /none HTTP/1.1\r\nHost: x\r\n\r\n' >&7
	until_true grep -qa 'HTTP/1\.1 404' "$dir/answers"
	exec 7>&-
	reloads 2
	resumes 1
}

# Two servers with the same keys are one; with others, or later, they are not.
fleet()
{
	local one_url

	"$build/selftests/ticket_keys" >"$dir/keys"
	"$build/selftests/ticket_keys" >"$dir/others"
	is size "$(wc -c <"$dir/keys")" 173
	serve_copy --ticket-keys "$dir/keys" "$www"
	one_url=$url
	resumes 0
	cp "$dir/keys" "$dir/second"
	serve_copy --ticket-keys "$dir/second" "$www"
	# sessions are of a name and port: come by the other's
	url=$one_url
	get -v --session-file "$dir/session2" / >/dev/null 2>"$dir/get.log"
	get -v --session-file "$dir/session2" \
		--connect-to "127.0.0.1:$port" / >/dev/null 2>"$dir/get.log"
	is "the other's" "$(grep -c resumed "$dir/get.log")" 1
	cp "$dir/others" "$dir/second"
	reloads 1
	get -v --session-file "$dir/session2" \
		--connect-to "127.0.0.1:$port" / >/dev/null 2>"$dir/get.log"
	is "with other keys" "$(grep -c resumed "$dir/get.log")" 0
	# bad ones
	head -c 172 "$dir/keys" >"$dir/second"
	reloads 2
	has short "$(<"$log")" 'ticket keys of .*second'
	ends 1 "$ktls" serve --ticket-keys "$dir/second" "$www"
	ends 1 "$ktls" serve --ticket-keys "$dir/none" "$www"
	has missing "$out" 'ticket keys of .*none: No such file'
}

key_process()
{
	serve_copy --key-process "$www"
	reloads 1
	has why "$(<"$log")" 'not reloaded: another process has the keys'
	is page "$(get /)" page
}

# ---- addresses -------------------------------------------------------------

refused()	# N
{
	within curl -sS --noproxy '*' "$metrics" |
		grep -qx "ktls_connections_refused_total $1"
}

open_from()	# FD: stays until it is closed
{
	eval "exec $1<>/dev/tcp/127.0.0.1/$port"
}

per_address()
{
	serve_copy --max-per-address 2 --metrics 127.0.0.1:0 "$www"
	metrics=$(sed -n 's|.*metrics on \(http://.*/metrics\)$|\1|p' "$log")
	is alone "$(get /)" page
	open_from 7
	open_from 8
	gets 3 / || gets 2 /
	until_true refused 1
	# another address has its own
	is "another address" "$(web --interface 127.0.0.2 /)" page
	exec 7>&-
	again() { get / >"$dir/page" 2>&1; }
	until_true again
	exec 8>&-
	ends 1 "$ktls" serve --max-per-address 0 "$www"
	has complaint "$out" 'max-per-address 0: not a number'
}

run_tests certificate bad sessions fleet key_process per_address
