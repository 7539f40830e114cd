#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls get": its exit statuses, what it leaves in the file, and servers that
# fail it in every way. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"
echo page >"$www/index.html"
head -c 1000000 /dev/urandom >"$www/file"

# A server of answers as they are: the file that the path names is all of one,
# head and body
answers()	# [S_SERVER-OPTION]...
{
	local line

	mkdir -p "$dir/a"
	mkfifo "$dir/said"
	(cd "$dir/a" && exec openssl s_server -HTTP -accept 127.0.0.1:0 \
		-cert "$pki/p256.pem" -key "$pki/p256.key" "$@" \
		>"$dir/said" 2>"$dir/s_server.log") &
	others+=("$!")
	exec 9<"$dir/said"
	while IFS= read -r -t "$limit" line <&9; do
		[[ $line != ACCEPT* ]] || break
	done
	port=${line##*:}
	url=https://localhost:$port
	cat <&9 >/dev/null &
	others+=("$!")
	exec 9<&-
}

answer()	# NAME FORMAT
{
	# shellcheck disable=SC2059
	printf "$2" >"$dir/a/$1"
}

listening()	# PID
{
	port=$(ss -Hltnp 2>/dev/null | grep -F "pid=$1," |
		awk '{ sub(/.*:/, "", $4); print $4 }')
	[ -n "$port" ]
}

# ... and one for a single connection, which sends what is written to 7, and has
# what it is asked in $dir/request
by_hand()
{
	mkfifo "$dir/in"
	openssl s_server -quiet -accept 127.0.0.1:0 -naccept 1 \
		-cert "$pki/p256.pem" -key "$pki/p256.key" \
		<"$dir/in" >"$dir/request" 2>"$dir/s_server.log" &
	others+=("$!")
	exec 7>"$dir/in"
	until_true listening "$!"
	url=https://localhost:$port
}

# ---- the command line ------------------------------------------------------

usage()
{
	local arg

	for arg in ftp://x/ http://x/ x 'https://' 'https://a b/' \
		https://u:p@x/ $'https://x/\n'; do
		ends 1 "$ktls" get "$arg"
		has "$arg" "$out" '^ktls get: '
	done
	for arg in -r=x --range=9 --tls=2 --timeout=0 --connect-to=:1 \
		--rx=no --nonesuch --cafile=/nonesuch -k=x; do
		ends 1 "$ktls" get "$arg" https://127.0.0.1:1/
	done
	ends 1 "$ktls" get --tls 1.3 --tls 2 https://127.0.0.1:1/
	ends 1 "$ktls" get
	has URL "$out" 'which URL'
	ends 1 "$ktls" get https://a/ https://b/
	for arg in --help -h; do
		ends 0 "$ktls" get "$arg"
		has help "$out" '^Usage: ktls get '
		has "exit status" "$out" '^Exit status: '
	done
	ends 0 "$ktls" help get
	ends 0 "$ktls" --help
	has commands "$out" '^  get '
}

no_connection()
{
	serve_p256 "$www"
	stop_server
	gets 2 /
	has refused "$out" 'cannot connect to .*Connection refused'
	ends 2 "$ktls" get https://nonesuch.invalid/
	has name "$out" 'nonesuch\.invalid port 443: '
}

# ---- verification ----------------------------------------------------------

shows()	# CERTIFICATE REGEX [OPTION]...: status 3, and why
{
	serve -c "$pki/$1.pem" -k "$pki/$1.key" "$www"
	gets 3 "${@:3}" /
	has "$1" "$out" "^ktls get: localhost:$port: TLS: .*$2"
	is "lines for $1" "$(wc -l <<<"$out")" 1
	gets 0 --insecure /
	is "insecure, $1" "$out" page
	stop_server
}

verification()
{
	shows othername 'name'
	shows expired 'expired'
	shows future 'not yet valid'
	shows stranger 'issuer'
	shows selfsigned 'self-signed'
	shows clientonly 'purpose'
	shows nointer 'issuer'
	serve_p256 "$www"
	ends 3 "$ktls" get --cafile "$pki/stranger-ca.pem" "$url/"
	ends 3 "$ktls" get "$url/"	# the system's
	gets 0 --connect-to "127.0.0.1:$port" /
	ends 0 "$ktls" get --cafile "$pki/ca.pem" --connect-to \
		"127.0.0.1:$port" https://a.example.test/
	is wildcard "$out" page
	ends 3 "$ktls" get --cafile "$pki/ca.pem" --connect-to \
		"127.0.0.1:$port" https://a.b.example.test/
	ends 0 "$ktls" get --cafile "$pki/ca.pem" "https://127.0.0.1:$port/"
	mkdir "$dir/ca"
	cp "$pki/ca.pem" "$dir/ca/"
	openssl rehash "$dir/ca"
	ends 0 "$ktls" get --capath "$dir/ca" "$url/"
}

verbose()
{
	serve_p256 "$www"
	gets 0 -v /
	has peer "$out" "^\* connected to 127\.0\.0\.1:$port\$"
	has negotiated "$out" '^\* TLS 1\.3, TLS_AES_128_GCM_SHA256, [xX]25519$'
	has server "$out" '^\* server: .*p256.*, signed with .*, verified$'
	has protocol "$out" '^\* application protocol: http/1\.1$'
	has sending "$out" '^\* sending: (carried by the kernel|in user space: )'
	has receiving "$out" '^\* receiving: (carried|in user space: )'
	has status "$out" '^\* HTTP 200 OK$'
	gets 0 -v --insecure /
	has server "$out" ', NOT VERIFIED$'
}

# ---- the file --------------------------------------------------------------

output()
{
	serve_p256 "$www"
	gets 0 -o "$dir/got" /file
	is "said" "$out" ""
	cmp "$dir/got" "$www/file"
	[ ! -e "$dir/got.part" ]
	# a failure leaves what was there
	gets 4 -o "$dir/got" /none
	has status "$out" 'HTTP 404 Not Found'
	cmp "$dir/got" "$www/file"
	[ ! -e "$dir/got.part" ]
	gets 0 -o "$dir/got" /
	is replaced "$(<"$dir/got")" page
	gets 0 -r 0-9 -o "$dir/got" /file
	is range "$(sum "$dir/got")" "$(head -c 10 "$www/file" | sum)"
	: >"$www/empty"
	gets 0 -o "$dir/none" /empty
	[ -f "$dir/none" ] && [ ! -s "$dir/none" ]
	is stdout "$(get -o - /)" page
	ln -s got "$dir/link"
	gets 0 -o "$dir/link" /
	[ -L "$dir/link" ]
	is "through the link" "$(<"$dir/got")" page
	# nothing is written elsewhere by a link that somebody has put there
	ln -s victim "$dir/new.part"
	echo mine >"$dir/victim"
	gets 1 -o "$dir/new" /
	has "no link" "$out" 'new\.part: Too many levels of symbolic links'
	is victim "$(<"$dir/victim")" mine
	[ ! -e "$dir/new" ]
	gets 0 -o /dev/null /file
	[ -c /dev/null ]
	gets 1 -o "$dir/no/such" /
	has folder "$out" 'No such file or directory'
	gets 1 -o /dev/full /file
	has "full disk" "$out" 'No space left on device'
}

# The name stays free until all of it is there.
atomically()
{
	answers
	answer cut 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this'
	gets 5 -o "$dir/got" /cut
	has message "$out" 'connection closed before the end'
	has message "$out" "only the first 9 bytes are in $dir/got\.part"
	[ ! -e "$dir/got" ]
	is part "$(<"$dir/got.part")" 'only this'
	answer cut 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood'
	gets 0 -o "$dir/got" /cut
	is got "$(<"$dir/got")" good
	[ ! -e "$dir/got.part" ]
}

# ... and is not another one's meanwhile, who has the same in mind
one_at_a_time()
{
	local first

	by_hand
	get -o "$dir/got" / 7>&- &
	first=$!
	until_true grep -q '^GET / HTTP/1\.1' "$dir/request"
	printf 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfirs' >&7
	until_true grep -q firs "$dir/got.part"
	serve_p256 "$www"
	gets 1 -o "$dir/got" /
	has busy "$out" 'got\.part: Device or resource busy$'
	is part "$(<"$dir/got.part")" firs
	printf 'tone' >&7
	wait "$first"
	exec 7>&-
	is got "$(<"$dir/got")" firstone
	[ ! -e "$dir/got.part" ]
	# what a command left that was killed is nobody's
	echo 'of something longer' >"$dir/got.part"
	gets 0 -o "$dir/got" /
	is got "$(<"$dir/got")" page
}

# ---- answers ---------------------------------------------------------------

statuses()
{
	local want name

	answers
	answer ok 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
	answer close 'HTTP/1.0 200 OK\r\n\r\nok'
	answer chunked 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r
1\r\no\r\n1\r\nk\r\n0\r\n\r\n'
	answer hints 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r
HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
	for name in ok close chunked hints; do
		gets 0 "/$name"
		is "$name" "$out" ok
	done
	answer 404 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno'
	answer 500 'HTTP/1.1 500 Oops\r\n\r\n'
	answer 304 'HTTP/1.1 304 Not Modified\r\n\r\n'
	for name in 404 500 304; do
		gets 4 "/$name"
		has "$name" "$out" "HTTP $name "
		lacks "$name" "$out" '^no'
	done
	answer cut 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok'
	answer chunk 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r
5\r\nok'
	answer last 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r
2\r\nok\r\n'
	answer head 'HTTP/1.1 200 OK\r\nContent-Le'
	answer junk 'SSH-2.0-OpenSSH_9.2\r\n'
	answer lengths 'HTTP/1.1 200 OK\r\nContent-Length: 1\r
Content-Length: 2\r\n\r\nok'
	for name in cut chunk last head junk lengths; do
		gets 5 "/$name"
		has "$name" "$out" 'ktls get: (malformed|connection closed)'
	done
	: >"$dir/a/none"
	gets 5 /none
}

# A body that only the connection's end delimits, and that end is none of
# TLS: anybody on the way may have cut it.
truncated()
{
	by_hand
	get / >"$dir/got" 2>"$dir/err" 7>&- &
	until_true grep -q '^GET / HTTP/1\.1' "$dir/request"
	printf 'HTTP/1.1 200 OK\r\n\r\nbody' >&7
	until_true grep -q body "$dir/got"
	kill -KILL "${others[0]}"
	exec 7>&-
	status=0
	wait $! || status=$?
	is status "$status" 5
	has message "$(<"$dir/err")" 'receiving: .*close_notify|cut'
}

silent()
{
	by_hand
	gets 5 --timeout "$slow" /
	has message "$out" "nothing received for $slow seconds"
	exec 7>&-
}

redirects()
{
	local n

	answers
	answer ok 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
	answer to 'HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n'
	answer rel 'HTTP/1.1 301 Moved\r\nLocation: ./x/../to\r\n\r\n'
	answer loop 'HTTP/1.1 307 Again\r\nLocation: /loop\r\n\r\n'
	answer out 'HTTP/1.1 302 Found\r\nLocation: http://localhost/ok\r\n\r\n'
	answer none 'HTTP/1.1 302 Found\r\n\r\n'
	# U+009B is to a terminal what ESC [ is
	answer csi 'HTTP/1.1 302 Found\r\nLocation: /\302\2332J\r\n\r\n'
	answer abs "HTTP/1.1 308 There\r\nLocation: $url/ok\r\n\r\n"
	gets 4 /to
	has message "$out" 'HTTP 302 Found, to /ok \(-L follows\)$'
	for n in to rel abs; do
		gets 0 -L "/$n"
		is "$n" "$out" ok
	done
	gets 4 -L /loop
	has loop "$out" 'too many redirects'
	gets 4 -L /out
	has "out of https" "$out" 'only https'
	gets 4 -L /none
	gets 4 /csi
	has escaped "$out" 'Found, to "/\\xc2\\x9b2J" \(-L follows\)$'
	gets 4 -L /csi
	has escaped "$out" ': "/\\xc2\\x9b2J": a character in it must be'
}

# Several at a time: a session is one's alone, and none fails for that
sessions_at_once()
{
	local f=$dir/session

	serve_p256 "$www"
	export ktls pki url f
	# shellcheck disable=SC2016	# for that shell
	within xargs -P 8 -I{} sh -c '"$ktls" get --cafile "$pki/ca.pem" \
		--session-file "$f" -o "$f.{}" "$url/" 2>>"$f.log" || exit 1' \
		<<<"$(seq 100)" || { cat "$f.log"; return 1; }
	is pages "$(cat "$f".[0-9]* | grep -c page)" 100
}

# The server takes no notice of the range: it is told
range_ignored()
{
	answers
	answer ok 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
	gets 0 -r 0-0 /ok
	has message "$out" 'ignored the range'
	serve_p256 "$www"
	gets 4 -r 5000000- /file
	has message "$out" 'HTTP 416'
}

# What has a hole is not taken for all that was asked for
another_range()
{
	local range

	answers
	answer part 'HTTP/1.1 206 Partial Content\r
Content-Range: bytes 4-5/10\r\nContent-Length: 2\r\n\r\nok'
	for range in 4-5 4- 4-9 -6; do
		is "range $range" "$(get -r "$range" /part)" ok
	done
	for range in 0-5 5-5 5- -7 -5 -40; do
		gets 5 -r "$range" -o "$dir/got" /part
		has "range $range" "$out" 'another part came'
	done
	gets 5 -o "$dir/got" /part
	has "no range" "$out" 'only a part came'
	answer part 'HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nok'
	gets 5 -r 4-5 -o "$dir/got" /part
	has "no Content-Range" "$out" 'another part came'
	is files "$(find "$dir" -name 'got*')" ''
}

# By another process, by id and by ticket; what is of no use is no obstacle
sessions()
{
	local how f=$dir/session

	serve_p256 "$www"
	for how in --no-tickets --tls=1.2; do
		rm -f "$f"
		gets 0 -v --tls 1.2 "$how" --session-file "$f" /
		lacks "first $how" "$out" 'resumed'
		is mode "$(stat -c %a "$f")" 600
		gets 0 -v --tls 1.2 "$how" --session-file "$f" /
		has "again $how" "$out" 'TLS 1.2, .*, resumed'
	done
	# trusting others, verifying nothing, another version, another server
	gets 0 -v --tls 1.2 --insecure --session-file "$f" /
	lacks insecure "$out" 'resumed'
	gets 0 -v --tls 1.3 --session-file "$f" /
	lacks 1.3 "$out" 'resumed'
	gets 0 --tls 1.2 --session-file "$f" /
	serve_p256 "$www"
	gets 0 -v --tls 1.2 --session-file "$f" /
	lacks "new server" "$out" 'resumed'
	head -c 100 "$f" >"$f.cut"
	gets 0 -v --tls 1.2 --session-file "$f.cut" /
	lacks cut "$out" 'resumed'
	# where a link leads to, and no secret is left there meanwhile
	mkdir "$dir/safe"
	ln -s safe/kept "$dir/link"
	gets 0 --session-file "$dir/link" /
	cp "$dir/safe/kept" "$dir/used"
	gets 0 -v --session-file "$dir/link" /
	has "by a link" "$out" ', resumed'
	[ -L "$dir/link" ]
	! cmp -s "$dir/safe/kept" "$dir/used"
	is "all there is" "$(ls "$dir/safe")" kept
	gets 1 --tls 1.2 --session-file "$dir/no/such" /
	gets 1 --tls 1.2 --session-file "$dir" /
	is "left over" "$(find "$dir" -name 'session.??????')" ''
}

# The session of the file is good for a resumption
resumes()	# OPTION...
{
	gets 0 -v --session-file "$dir/session" "$@" /
	has "resumed ($*)" "$out" 'TLS 1\.[23], .*, resumed'
}

# TLS 1.3: the request goes with the hello, once, and anew if it is not taken
early_data()
{
	local f=$dir/session how

	for how in '' --single-use-tickets; do
		# shellcheck disable=SC2086
		serve_p256 --early-data 2000 $how "$www"
		rm -f "$f"
		gets 0 -v --early-data --session-file "$f" /
		lacks "first $how" "$out" 'went with the hello'
		for _ in 1 2; do
			gets 0 -v --early-data --session-file "$f" /
			has "early $how" "$out" 'went with the hello'
			has "answer $how" "$out" 'HTTP 200'
		done
		# not without being asked for
		gets 0 -v --session-file "$f" /
		lacks "plain $how" "$out" 'went with the hello'
		stop_server
		# by a server that does not know the ticket
		serve_p256 --early-data 2000 "$www"
		gets 0 -v --early-data --session-file "$f" /
		lacks "rejected $how" "$out" 'went with the hello'
		has "rejected $how" "$out" 'HTTP 200'
		stop_server
	done
}

# TLS 1.3: what was used is not in the file again
tickets()
{
	local f=$dir/session how

	for how in '' --single-use-tickets '--tickets 16' '--tickets 1'; do
		# shellcheck disable=SC2086
		serve_p256 $how "$www"
		rm -f "$f"
		gets 0 -v --session-file "$f" /
		lacks "first $how" "$out" 'resumed'
		cp "$f" "$f.used"
		resumes
		! cmp -s "$f" "$f.used"
		resumes --rx user --tx user
		gets 4 --session-file "$f" /none
		resumes
		stop_server
		has "log $how" "$(<"$log")" 'version="TLS 1\.3" .*resumed=1'
	done
	# the second time it is a name of nothing
	serve_p256 --single-use-tickets "$www"
	gets 0 --session-file "$f" /
	cp "$f" "$f.used"
	resumes
	cp "$f.used" "$f"
	gets 0 -v --session-file "$f" /
	lacks "used twice" "$out" 'resumed'
	# none came in its place, and without a connection it is kept
	serve_p256 --no-tickets "$www"
	cp "$f" "$f.used"
	gets 0 --session-file "$f" /
	[ ! -e "$f" ]
	cp "$f.used" "$f"
	stop_server
	gets 2 --session-file "$f" /
	[ -s "$f" ]
	ends 1 "$ktls" serve --tickets 17 "$www"
	has usage "$out" 'not a number from 1 to 16'
}

# Servers of other libraries, whose tickets come when they like
tickets_of_others()
{
	answers
	answer ok 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
	gets 0 --session-file "$dir/session" /ok
	gets 0 -v --session-file "$dir/session" /ok
	has "libssl's" "$out" 'TLS 1\.3, .*, resumed'
	rm "$dir/session"
	port=$(python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	url=https://localhost:$port
	gnutls-serv --http -q -p "$port" --x509certfile "$pki/p256.pem" \
		--x509keyfile "$pki/p256.key" >"$dir/gnutls.log" 2>&1 </dev/null &
	others+=("$!")
	until_true listening "$!"
	gets 0 --session-file "$dir/session" /
	resumes
	resumes
}

run_tests usage no_connection verification verbose output atomically \
	one_at_a_time statuses truncated silent redirects range_ignored \
	another_range sessions sessions_at_once tickets tickets_of_others early_data
