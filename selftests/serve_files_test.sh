#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Which file "ktls serve" sends for a name: compressed siblings, by what the
# client accepts, and listings of directories. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www

# a.txt with all siblings, b.txt with a gzip one, c.txt with an old one
folder()
{
	rm -rf "$www"
	mkdir "$www"
	printf plain-text >"$www/a.txt"
	printf br >"$www/a.txt.br"
	printf zst >"$www/a.txt.zst"
	printf gz0123 >"$www/a.txt.gz"
	printf plain-b >"$www/b.txt"
	printf gz-b >"$www/b.txt.gz"
	printf plain-c >"$www/c.txt"
	printf old >"$www/c.txt.gz"
	touch -d '2020-05-05 05:05:05 UTC' "$www"/?.txt "$www"/?.txt.*
	touch -d '2020-05-05 05:05:04 UTC' "$www/c.txt.gz"
}

field()	# NAME HEAD: its values
{
	sed -n "s/^$1: //p" <<<"$2"
}

# ---- precompressed ---------------------------------------------------------

# What is chosen for a field, by weight and then in our order
choice()
{
	local accept want

	folder
	serve_p256 --precompressed "$www"
	while IFS='|' read -r accept want; do
		is "$accept" "$(web -H "Accept-Encoding: $accept" /a.txt)" \
			"$want"
	done <<-'EOT'
		gzip|gz0123
		x-gzip|gz0123
		GZip|gz0123
		br|br
		zstd|zst
		gzip, br|br
		gzip,zstd|zst
		gzip, zstd, br|br
		gzip;q=1.0, br;q=0.9|gz0123
		gzip;q=0.002, zstd;q=0.001|gz0123
		gzip ; q=0.5 , br ; q=0.4|gz0123
		*|br
		*;q=0.1|br
		br;q=0, *|zst
		br;q=0, zstd;q=0.000, *|gz0123
		*;q=0|406 Not Acceptable
		identity;q=0|406 Not Acceptable
		identity;q=0, gzip|gz0123
		identity|plain-text
		identity, *;q=0|plain-text
		*;q=0, gzip|gz0123
		gzip;q=0|plain-text
		gzip;q=0.5, identity|plain-text
		gzip, identity;q=0.5|gz0123
		gzip, identity|gz0123
		deflate|plain-text
		gzipx|plain-text
		gzi|plain-text
		gzip;q=2|plain-text
		gzip;q=-1|plain-text
		gzip;q=1.001|plain-text
		gzip;x=1|plain-text
		gzip;q=|plain-text
		gzip;q=0.5x|plain-text
		gzip br|plain-text
		,, ,gzip,|gz0123
		;q=1|plain-text
	EOT
	is absent "$(web -H 'Accept-Encoding:' /a.txt)" plain-text
	is empty "$(web -H 'Accept-Encoding;' /a.txt)" plain-text
	is "in two lines" "$(web -H 'Accept-Encoding: gzip;q=0.5' \
		-H 'Accept-Encoding: zstd' /a.txt)" zst
	is "not acceptable" "$(code -H 'Accept-Encoding: identity;q=0, br' \
		/b.txt)" 406
	has "not acceptable" "$(head_of -H 'Accept-Encoding: *;q=0' /b.txt)" \
		'^Vary: Accept-Encoding$'
}

# Each form is a representation with fields of its own.
fields()
{
	local h name tags=()

	folder
	serve_p256 --precompressed "$www"
	for name in br gzip zstd identity; do
		h=$(head_of -H "Accept-Encoding: $name" /a.txt)
		is "type of $name" "$(field Content-Type "$h")" \
			'text/plain; charset=utf-8'
		is "vary of $name" "$(field Vary "$h")" Accept-Encoding
		is "coding of $name" "$(field Content-Encoding "$h")" \
			"${name#identity}"
		tags+=("$(field ETag "$h")")
		is "HEAD of $name" "$(head_of -I -H "Accept-Encoding: $name" \
			/a.txt | grep -v ^Date)" "$(grep -v ^Date <<<"$h")"
	done
	is "different tags" "$(printf '%s\n' "${tags[@]}" | sort -u | wc -l)" 4
	h=$(head_of -H 'Accept-Encoding: br' /b.txt)
	is "vary without a br" "$(field Vary "$h")" Accept-Encoding
	is "no br" "$(field Content-Encoding "$h")" ''
	h=$(head_of -H 'Accept-Encoding: gzip' /c.txt)
	is "old one" "$(field Content-Encoding "$h")" ''
	is "vary without siblings" "$(field Vary "$h")" ''
	h=$(head_of -H 'Accept-Encoding: gzip' /b.txt.gz)
	is "by its own name" "$(field Content-Encoding "$h")" ''
	is "by its own name" "$(field Content-Type "$h")" application/gzip
	rm "$www/b.txt"
	until_true without_it	# within a second
}

without_it()
{
	[ "$(code -H 'Accept-Encoding: gzip' /b.txt)" = 404 ]
}

# Tags of the same size and time differ; ranges are of what is sent.
conditions()
{
	local h tag plain
	local gz=(-H 'Accept-Encoding: gzip')

	folder
	serve_p256 --precompressed "$www"
	printf 012345678 >"$www/a.txt.gz"
	printf abcdefghi >"$www/a.txt"
	touch -d '2020-05-05 05:05:05 UTC' "$www"/a.txt*
	tag=$(field ETag "$(head_of "${gz[@]}" /a.txt)")
	plain=$(field ETag "$(head_of /a.txt)")
	[ "$tag" != "$plain" ]
	is match "$(code "${gz[@]}" -H "If-None-Match: $tag" /a.txt)" 304
	h=$(head_of "${gz[@]}" -H "If-None-Match: $tag" /a.txt)
	is "304's vary" "$(field Vary "$h")" Accept-Encoding
	is "304's tag" "$(field ETag "$h")" "$tag"
	is "the other's tag" "$(code "${gz[@]}" -H "If-None-Match: $plain" \
		/a.txt)" 200
	is "its own, plain" "$(code -H "If-None-Match: $tag" /a.txt)" 200
	is If-Match "$(code "${gz[@]}" -H "If-Match: $plain" /a.txt)" 412
	is range "$(web "${gz[@]}" -r 2-4 /a.txt)" 234
	is "plain range" "$(web -r 2-4 /a.txt)" cde
	h=$(head_of "${gz[@]}" -r 2-4 /a.txt)
	is "its fields" "$(field Content-Range "$h")" 'bytes 2-4/9'
	is "its fields" "$(field Content-Encoding "$h")" gzip
	is "its fields" "$(field Vary "$h")" Accept-Encoding
	is "If-Range" "$(web "${gz[@]}" -r 2-4 -H "If-Range: $plain" /a.txt)" \
		012345678
	is "If-Range" "$(web "${gz[@]}" -r 2-4 -H "If-Range: $tag" /a.txt)" 234
	is "beyond" "$(code "${gz[@]}" -r 9-10 /a.txt)" 416
}

# It is what the client unpacks, of an index, too; never from outside.
real()
{
	folder
	head -c 300000 /dev/zero | tr '\0' x >"$www/index.html"
	gzip -k "$www/index.html"
	echo SECRET >"$tmp/secret"
	rm "$www/b.txt.gz"
	ln -s ../secret "$www/b.txt.gz"
	mkdir "$www/c.txt.br" "$www/none.txt"
	serve_p256 --precompressed "$www"
	is unpacked "$(web --compressed / | sum)" "$(sum "$www/index.html")"
	is packed "$(web -H 'Accept-Encoding: gzip' / | sum)" \
		"$(sum "$www/index.html.gz")"
	is "link out" "$(web -H 'Accept-Encoding: gzip' /b.txt)" plain-b
	is "a directory" "$(web -H 'Accept-Encoding: br' /c.txt)" plain-c
}

off()
{
	local h

	folder
	serve_p256 "$www"
	h=$(head_of -H 'Accept-Encoding: gzip, br' /a.txt)
	is coding "$(field Content-Encoding "$h")" ''
	is vary "$(field Vary "$h")" ''
	is refused "$(code -H 'Accept-Encoding: identity;q=0' /a.txt)" 200
}

# ---- listings --------------------------------------------------------------

listing()
{
	local page h

	folder
	mkdir "$www/sub" "$www/sub/deep" "$www/indexed"
	echo index >"$www/indexed/index.html"
	truncate -s 3M "$www/sub/z"
	touch -d '2020-05-05 05:05:05 UTC' "$www/sub/z"
	: >"$www/sub/.hidden"
	: >"$www/sub/a"
	: >"$www/sub/B"
	mkfifo "$www/sub/fifo"
	ln -s ../a.txt "$www/sub/link"
	ln -s nowhere "$www/sub/dangling"
	ln -s /etc/passwd "$www/sub/out"
	serve_p256 --list "$www"
	page=$(web /sub/)
	is order "$(grep -aoE 'href="[^"]*"' <<<"$page" | tr '\n' ' ')" \
		'href="../" href="/sub/deep/" href="/sub/B" href="/sub/a" href="/sub/link" href="/sub/z" '
	has row "$page" '>z</a></td><td>3\.0 MiB</td><td>2020-05-05 05:05</td>'
	has "size of a link's" "$page" '>link</a></td><td>10 B</td>'
	h=$(head_of /sub/)
	is type "$(field Content-Type "$h")" 'text/html; charset=utf-8'
	has policy "$(field Content-Security-Policy "$h")" \
		"^default-src 'none';"
	is sniffing "$(field X-Content-Type-Options "$h")" nosniff
	is length "$(field Content-Length "$h")" "$(web /sub/ | wc -c)"
	is HEAD "$(head_of -I /sub/ | grep -v ^Date)" \
		"$(grep -v ^Date <<<"$h")"
	is redirect "$(code /sub)" 301
	is index "$(web /indexed/)" index
	has top "$(web /)" 'href="/a\.txt"'
	lacks top "$(web /)" '\.\./'
	is missing "$(code /none/)" 404
	is "kept alive" "$(within curl -sS -4 --cacert "$pki/ca.pem" \
		-o /dev/null -o /dev/null -w '%{num_connects} ' "$url/sub/" \
		"$url/sub/")" "1 0 "
	stop_server
	serve_p256 "$www"
	is off "$(code /sub/)" 403
}

# A name is text, whatever is in it, and its link leads to the file.
hostile()
{
	local page name link
	local names=('<script>alert(1)</script>' '"><b>' "'x'" '&amp;' 'a b%41'
		$'new\nline' $'\xff\xfe' $'\e[31m' 'javascript:alert(1)' '?q#f')

	rm -rf "$www"
	mkdir -p "$www/<i>"
	for name in "${names[@]}"; do
		# a slash cannot be in a name
		printf %s "${name//\//_}" >"$www/<i>/${name//\//_}"
	done
	serve_p256 --list "$www"
	page=$(web /%3Ci%3E/)
	lacks tags "$page" '<(script|b|i)>'
	lacks controls "$page" $'\e'
	is rows "$(grep -ac '^<tr><td><a href="/' <<<"$page")" ${#names[@]}
	while read -r link; do
		web "$link" >"$dir/got"
		cmp "$dir/got" "$www/<i>/$(<"$dir/got")"
	done < <(grep -ao 'href="/[^"]*' <<<"$page" | cut -d'"' -f2)
}

# However many there are, it takes a bounded time and no more memory.
many()
{
	local page

	rm -rf "$www"
	mkdir "$www"
	( cd "$www" && seq -f 'file%05g' 5000 | xargs touch )
	serve_p256 --list "$www"
	page=$(web /)
	is rows "$(grep -c href= <<<"$page")" 4096
	has more "$page" 'and more, which are not shown'
	is sorted "$(grep -o '>file[0-9]*<' <<<"$page" | sort -c 2>&1)" ''
	( cd "$www" && seq -f 'file%05g' 4000 | xargs rm )
	page=$(web /)
	is rows "$(grep -c href= <<<"$page")" 1000
	lacks more "$page" 'not shown'
}

# Pages that nobody takes do not fill the memory: 503, and a page again later.
crowd()
{
	local n name

	rm -rf "$www"
	mkdir "$www"
	name=$(printf '%0.s%%' {1..250})	# 3 bytes each in a link
	( cd "$www" && for n in {1000..1900}; do : >"$name$n"; done )
	serve_p256 --list --timeout 300 "$www"
	n=$(web / | wc -c)
	[ "$n" -gt 900000 ] || { echo "only $n bytes"; return 1; }
	is "one page" "$(code -I /)" 200
	# 30 clients, of little room, that take nothing of much
	cat >"$dir/crowd.py" <<-'EOT'
		import socket, ssl, sys, time
		context = ssl._create_unverified_context()
		crowd = []
		for i in range(30):
		    s = socket.socket()
		    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		    s.connect(("127.0.0.1", int(sys.argv[1])))
		    s = context.wrap_socket(s)
		    s.sendall(12 * b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		    crowd.append(s)
		time.sleep(600)
	EOT
	python3 "$dir/crowd.py" "$port" &
	others+=($!)
	answers() { [ "$(code -I /)" = "$1" ]; }
	until_true answers 503
	kill "${others[@]}"
	until_true answers 200
}

run_tests choice fields conditions real off listing hostile many crowd
