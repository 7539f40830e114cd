#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls serve" as a server of HTTP/1.1: which status for what, and nothing
# from outside of the directory. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

# The server of most tests, with a folder of small files
small()	# [OPTION]...
{
	www=$dir/www
	mkdir -p "$www/sub" "$www/empty"
	printf 0123456789 >"$www/digits"
	echo index >"$www/index.html"
	echo sub >"$www/sub/index.html"
	serve_p256 "$@" "$www"
}

# The status of the first answer to a request, as it is
raw()	# [PRINTF-ARG]...
{
	# shellcheck disable=SC2059	# the request is a format
	printf "$@" | talk | sed -n '1s/^HTTP\/1\.1 \([0-9]*\) .*/\1/p'
}

# ---- what is there ---------------------------------------------------------

get_and_head()
{
	local head date

	small
	is body "$(web /digits)" 0123456789
	head=$(head_of /digits)
	has head "$head" '^HTTP/1\.1 200 OK$'
	has head "$head" '^Content-Length: 10$'
	has head "$head" '^Accept-Ranges: bytes$'
	has head "$head" "^Last-Modified: $(date -u -r "$www/digits" \
		'+%a, %d %b %Y %T GMT')\$"
	has head "$head" '^ETag: "[^"]+"$'
	has head "$head" '^Server: ktls/'
	has head "$head" '^Date: [A-Z][a-z]{2}, [0-9 A-Za-z:]+ GMT$'
	# of a file that is from the future, as far as we know
	echo >"$www/future"
	touch -d '2200-01-01 00:00:00 UTC' "$www/future"
	date=$(head_of /future | sed -n 's/^Last-Modified: //p')
	[ "$(date -d "$date" +%s)" -le "$(date +%s)" ] || is future "$date" now
	# HEAD: the same, and nothing after it
	is HEAD "$(head_of -I /digits | grep -v ^Date)" \
		"$(grep -v ^Date <<<"$head")"
	is "bytes after HEAD" "$(printf \
		'HEAD /digits HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' |
		talk | sed '1,/^\r$/d' | wc -c)" 0
}

index()
{
	local head

	small
	is / "$(web /)" index
	is /sub/ "$(web /sub/)" sub
	has type "$(head_of /)" '^Content-Type: text/html'
	head=$(head_of '/sub?a=b')
	has redirect "$head" '^HTTP/1\.1 301 '
	has redirect "$head" '^Location: /sub/\?a=b$'
	is followed "$(web -L /sub)" sub
	is "no index" "$(code /empty/)" 403
	is "a file is no directory" "$(code /digits/)" 404
	is "nor has one below it" "$(code /digits/x)" 404
}

names()
{
	small
	printf 1 >"$www/a b&c%d"
	printf 2 >"$www/ü"
	printf 3 >"$www/.dot"
	mkdir "$www/x y"
	is encoded "$(web '/a%20b&c%25d')" 1
	is "decoded once" "$(code '/a%20b&c%2525d')" 404
	is utf-8 "$(web /%C3%BC)" 2
	is dot "$(web /.dot)" 3
	is query "$(web '/digits?q=1')" 0123456789
	is "dots and slashes" "$(web //sub/.//./index.html)" sub
	has redirect "$(head_of '/x%20y')" '^Location: /x%20y/$'
	is absolute "$(raw 'GET https://localhost/digits HTTP/1.1\r\nHost: x\r
Connection: close\r\n\r\n')" 200
}

types()
{
	local ext want

	small
	while read -r ext want; do
		: >"$www/f.$ext"
		has "$ext" "$(head_of "/f.$ext")" "^Content-Type: $want\$"
	done <<-'EOT'
		html text/html; charset=utf-8
		HTML text/html; charset=utf-8
		txt text/plain; charset=utf-8
		7z application/x-7z-compressed
		css text/css; charset=utf-8
		js text/javascript; charset=utf-8
		json application/json
		png image/png
		svg image/svg\+xml
		tar.gz application/gzip
		wasm application/wasm
		zst application/zstd
		nonesuch application/octet-stream
	EOT
	mkdir "$www/a.html"
	: >"$www/a.html/b"
	has "no extension" "$(head_of /a.html/b)" \
		'^Content-Type: application/octet-stream$'
}

# ---- nothing else ----------------------------------------------------------

# Whichever way it is asked for, what is outside stays there.
escapes()
{
	local path

	small
	echo SECRET >"$dir/secret"
	mkdir "$dir/outside"
	echo SECRET >"$dir/outside/index.html"
	ln -s ../secret "$www/out"
	ln -s "$dir/secret" "$www/abs"
	ln -s ../outside "$www/dirout"
	ln -s "$www/digits" "$www/absin"
	ln -s .. "$www/up"
	ln -s digits "$www/in"
	ln -s ../digits "$www/sub/in"
	ln -s /proc/self/cwd "$www/magic"
	ln -s loop "$www/loop"
	for path in /../secret /sub/../../secret /%2e%2e/secret \
		/.%2e/secret /..%2fsecret /%2e%2e%2fsecret /sub/..%2f..%2fsecret \
		"/$dir/secret" "//$dir/secret" "/%2f$dir/secret" \
		/..%5csecret '/..\secret' /out /abs /dirout/ /dirout/index.html \
		/up/secret /magic/README.md "/in/../../secret" /%252e%252e/secret \
		/..%00/secret /digits%00.html /%c0%ae%c0%ae/secret /loop; do
		has "status of $path" "$(code "$path")" '^4[0-9][0-9]$'
		lacks "$path" "$(web "$path")" SECRET
	done
	is ".." "$(code /sub/../digits)" 400
	is "encoded slash" "$(code /sub%2findex.html)" 404
	is NUL "$(code /digits%00)" 400
	is "link out" "$(code /out)" 403
	is "link in" "$(web /in)" 0123456789
	is "link in, upwards" "$(web /sub/in)" 0123456789
	is "bare path" "$(raw 'GET ../secret HTTP/1.1\r\nHost: x\r\n\r\n')" 400
	is "absolute" "$(raw 'GET https://x/../secret HTTP/1.1\r\nHost: x\r
Connection: close\r\n\r\n')" 400
}

# No regular file: refused, and the server does not hang on it
special()
{
	small
	mkfifo "$www/fifo"
	is fifo "$(code /fifo)" 403
	chmod 0 "$www/digits"
	if [ "$(id -u)" != 0 ]; then
		is unreadable "$(code /digits)" 403
	fi
	is missing "$(code /none)" 404
	is "long name" "$(code "/$(printf '%0300d' 0)")" 404
	is "still serves" "$(web /)" index
}

# The longest that there is, and what would be behind it
longest()
{
	local name

	small
	# 4095 bytes
	name=$(printf '%0255d/' {1..16})
	name=${name%/}
	(cd "$www" && mkdir -p "$name")
	is without "$(code "/$name")" 301
	is slash "$(code "/$name/")" 403
	is slashes "$(code "/$name//")" 404
	is index "$(code "/$name/x")" 404
	is byte "$(code "/${name}0")" 404
	is "still serves" "$(web /)" index
}

# ---- requests that are refused ---------------------------------------------

refused()
{
	local x

	small
	is POST "$(code -d x /digits)" 405
	has allow "$(head_of -X DELETE /digits)" '^Allow: GET, HEAD$'
	is "no method" "$(raw 'BREW /digits HTTP/1.1\r\nHost: x\r\n\r\n')" 501
	is garbage "$(raw '\001\002\003\r\n\r\n')" 400
	is "no Host" "$(raw 'GET / HTTP/1.1\r\n\r\n')" 400
	is "two Hosts" "$(raw 'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n')" \
		400
	for x in 'x y' x/ a@x 'x?' 'x#' 'x\\' '"x"'; do
		is "Host $x" "$(raw 'GET / HTTP/1.1\r\nHost: %s\r\n\r\n' \
			"$x")" 400
	done
	for x in x x:1 '[::1]:1' ''; do
		is "Host $x" "$(raw 'GET / HTTP/1.1\r\nHost: %s\r
Connection: close\r\n\r\n' "$x")" 200
	done
	is version "$(raw 'GET / HTTP/2.0\r\nHost: x\r\n\r\n')" 505
	is "bad encoding" "$(code /%zz)" 400
	is "short encoding" "$(code /%2)" 400
	is asterisk "$(raw 'GET * HTTP/1.1\r\nHost: x\r
Connection: close\r\n\r\n')" 400
	x=$(printf '%09000d' 0)
	is "long target" "$(code "/$x")" 414
	is "long field" "$(code -H "X: $x$x" /)" 431
	is "many fields" "$(raw 'GET / HTTP/1.1\r\nHost: x\r\n%s\r\n' \
		"$(printf 'X: y\r\n%.0s' {1..120})"$'\r\n')" 431
	is "big body" "$(raw 'GET / HTTP/1.1\r\nHost: x\r
Content-Length: 65537\r\n\r\n')" 413
	is expect "$(raw 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r
Expect: 100-continue\r\n\r\n')" 417
	is smuggling "$(raw 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r
Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n')" 400
	for x in 'Content-Length : 5' 'Transfer-Encoding : chunked' 'X : y' \
		'X y: z'; do
		is "$x" "$(raw 'GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n' \
			"$x")" 400
	done
	is "two lengths" "$(raw 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r
Content-Length: 2\r\n\r\nx')" 400
	is "still serves" "$(web /)" index
}

# ---- conditions ------------------------------------------------------------

conditions()
{
	local tag at
	local past='Sun, 06 Nov 1994 08:49:37 GMT'

	small
	touch -d '2020-05-05 05:05:05 UTC' "$www/digits"
	tag=$(head_of /digits | sed -n 's/^ETag: //p')
	at=$(head_of /digits | sed -n 's/^Last-Modified: //p')
	is date "$at" 'Tue, 05 May 2020 05:05:05 GMT'
	while IFS='|' read -r want field; do
		is "$field" "$(code -H "$field" /digits)" "$want"
	done <<-EOT
		304|If-None-Match: $tag
		304|If-None-Match: W/$tag
		304|If-None-Match: "a", $tag
		304|If-None-Match: *
		200|If-None-Match: "a"
		304|If-Modified-Since: $at
		304|If-Modified-Since: Tuesday, 05-May-20 05:05:05 GMT
		304|If-Modified-Since: Tue May  5 05:05:05 2020
		200|If-Modified-Since: $past
		200|If-Modified-Since: rubbish
		200|If-Match: $tag
		200|If-Match: *
		412|If-Match: "a"
		412|If-Match: W/$tag
		412|If-Unmodified-Since: $past
		200|If-Unmodified-Since: $at
	EOT
	is "tag before date" "$(code -H 'If-None-Match: "a"' \
		-H "If-Modified-Since: $at" /digits)" 200
	is "two before date" "$(code -H 'If-None-Match: "a"' \
		-H 'If-None-Match: "b"' -H "If-Modified-Since: $at" /digits)" 200
	is "two before date" "$(code -H 'If-Match: "a"' -H "If-Match: $tag" \
		-H "If-Unmodified-Since: $past" /digits)" 200
	is "of two lines" "$(code -H 'If-None-Match: "a"' \
		-H "If-None-Match: $tag" /digits)" 304
	is "of two lines" "$(code -H 'If-Match: "a"' -H "X: $tag" \
		-H 'If-Match: "b"' /digits)" 412
	is "blanks behind" "$(raw 'GET /digits HTTP/1.1\r\nHost: x\r
If-Match: * \t \r\nConnection: close\r\n\r\n')" 200
	is "blanks behind the last" "$(raw 'GET /digits HTTP/1.1\r\nHost: x\r
Connection: close\r\nRange: bytes=0-1 \r\n\r\n')" 206
	has "304's fields" "$(head_of -H 'If-None-Match: *' /digits)" "^ETag: "
	lacks "304's fields" "$(head_of -H 'If-None-Match: *' /digits)" \
		'^Content-Length: [1-9]'
	echo more >>"$www/digits"
	changed() { [ "$(code -H "If-None-Match: $tag" /digits)" = 200 ]; }
	until_true changed	# within a second
}

ranges()
{
	local range want head

	small
	touch -d '2020-05-05 05:05:05 UTC' "$www/digits"
	while read -r range want head; do
		is "body of $range" "$(web -r "$range" /digits)" "$want"
		has "$range" "$(head_of -r "$range" /digits)" \
			"^Content-Range: bytes $head/10\$"
		is "status of $range" "$(code -r "$range" /digits)" 206
	done <<-'EOT'
		0-0 0 0-0
		0-9 0123456789 0-9
		5-7 567 5-7
		7- 789 7-9
		-3 789 7-9
		-30 0123456789 0-9
		9-99999999999999999999999 9 9-9
	EOT
	for range in 10- 10-20 -0; do
		is "status of $range" "$(code -r "$range" /digits)" 416
		has "$range" "$(head_of -r "$range" /digits)" \
			'^Content-Range: bytes \*/10$'
	done
	# malformed, several, of another unit: the whole
	for range in 5-3 1-2,4-5 x 1-2-3 ''; do
		is "$range" "$(web -H "Range: bytes=$range" /digits)" 0123456789
		is "$range" "$(code -H "Range: bytes=$range" /digits)" 200
	done
	is unit "$(code -H 'Range: lines=1-2' /digits)" 200
	is HEAD "$(code -I -r 1-2 /digits)" 200
	: >"$www/none"
	is "of nothing" "$(code -r 0-0 /none)" 416
}

if_range()
{
	local tag at='Tue, 05 May 2020 05:05:05 GMT'

	small
	touch -d '2020-05-05 05:05:05 UTC' "$www/digits"
	tag=$(head_of /digits | sed -n 's/^ETag: //p')
	is "same tag" "$(web -r 1-2 -H "If-Range: $tag" /digits)" 12
	is "same date" "$(web -r 1-2 -H "If-Range: $at" /digits)" 12
	is "other tag" "$(web -r 1-2 -H 'If-Range: "a"' /digits)" 0123456789
	is "weak tag" "$(web -r 1-2 -H "If-Range: W/$tag" /digits)" 0123456789
	is "other date" "$(web -r 1-2 -H \
		'If-Range: Sun, 06 Nov 1994 08:49:37 GMT' /digits)" 0123456789
}

# ---- connections -----------------------------------------------------------

persistent()
{
	small
	is connections "$(within curl -sS -4 --cacert "$pki/ca.pem" -o /dev/null \
		-o /dev/null -o /dev/null -w '%{num_connects} ' "$url/digits" \
		"$url/none" "$url/sub/")" "1 0 0 "
	lacks 1.1 "$(head_of /digits)" '^Connection:'
	has close "$(head_of -H 'Connection: close' /digits)" \
		'^Connection: close$'
	has 1.0 "$(head_of -0 /digits)" '^Connection: close$'
	has "1.0, kept" "$(head_of -0 -H 'Connection: keep-alive' /digits)" \
		'^Connection: keep-alive$'
	has "1.0, both" "$(head_of -0 -H 'Connection: keep-alive' \
		-H 'Connection: close' /digits)" '^Connection: close$'
	# after what was not understood, nothing is
	has refused "$(printf 'GET\r\n\r\nGET /digits HTTP/1.1\r\n\r\n' |
		talk)" '^Connection: close'
}

pipelined()
{
	local answers

	small
	answers=$(for path in digits none sub/ digits; do
		printf 'GET /%s HTTP/1.1\r\nHost: x\r\n\r\n' "$path"
	done | cat - <(printf 'HEAD /digits HTTP/1.1\r\nHost: x\r
Connection: close\r\n\r\nGET /ignored HTTP/1.1\r\n\r\n') | talk | tr -d '\r')
	is order "$(grep -oE 'HTTP/1\.1 [0-9]+' <<<"$answers" |
		cut -d' ' -f2 | xargs)" \
		"200 404 200 200 200"
	is bodies "$(grep -c '^0123456789HTTP/1.1 200' <<<"$answers")" 1
}

# A body that nobody needs is skipped, whichever way it is framed. Nothing is
# behind chunks.
bodies_skipped()
{
	local answers version

	small
	for version in 0 1; do
		answers=$(printf 'GET /digits HTTP/1.1\r\nHost: x\r
Content-Length: 5\r\n\r\nabcdeGET /none HTTP/1.%s\r\nHost: x\r
Connection: keep-alive\r\nTransfer-Encoding: chunked\r
\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n' "$version" |
			talk)
		is statuses "$(grep -oE 'HTTP/1\.1 [0-9]+' <<<"$answers" |
			cut -d' ' -f2 | xargs)" "200 404"
		has closed "$answers" '^Connection: close'
	done
}

# The file becomes shorter than was promised: the client is told by the end.
shortened()
{
	small
	truncate -s 200M "$www/big"
	mkfifo "$dir/pipe"
	web /big >"$dir/pipe" 2>"$dir/curl.log" &
	exec 7<"$dir/pipe"
	head -c 1000000 <&7 >/dev/null
	truncate -s 1M "$www/big"
	cat <&7 >/dev/null
	exec 7<&-
	wait $! && return 1
	has curl "$(cat "$dir/curl.log")" 'bytes remaining to read'
	until_true grep -q 'end="file became shorter"' "$log"
}

both_engines
run_tests get_and_head index names types escapes special longest refused \
	conditions ranges if_range persistent pipelined bodies_skipped shortened
