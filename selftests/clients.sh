#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The clients that people have, against "ktls serve", on each engine: curl,
# wget, wrk, and a browser without a screen that shows a page with images.
# Where there is kTLS, the kernel must carry it. Not one of those that run each
# time: a browser is large ("make check-clients" installs it). Its picture is
# left in $KTLS_SCREENSHOT, if that is set, to be looked at. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"
images=24

# A page that tells by its title how many of its images have come
python3 - "$www" "$images" <<'EOF'
import os, struct, sys, zlib

def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data +
            struct.pack(">I", zlib.crc32(kind + data)))

def png(path, width, height, color):
    rows = b"".join(b"\0" + bytes(
        (c * (x + y) // (width + height)) & 255
        for x in range(width) for c in color) for y in range(height))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(
            ">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))

www, n = sys.argv[1], int(sys.argv[2])
for i in range(n):
    png(f"{www}/{i}.png", 150, 100, (255, 10 * i, 255 - 10 * i))
with open(f"{www}/page.css", "w") as f:
    f.write("body { background: #eee } img { margin: 4px }\n")
with open(f"{www}/page.js", "w") as f:
    # told to the server: how many it has, and shows
    f.write("addEventListener('load', () => fetch('page.css?images=' + "
            "[...document.images].filter(i => i.naturalWidth == 150)"
            ".length));\n")
with open(f"{www}/index.html", "w") as f:
    f.write("<!doctype html><meta charset=utf-8><title>none</title>"
            "<link rel=icon href=0.png>"
            "<link rel=stylesheet href=page.css><script src=page.js></script>"
            "<h1>ktls serve</h1>" + "".join(
            f"<img src={i}.png alt={i}>" for i in range(n)))
EOF
head -c 3000000 /dev/urandom >"$www/large"

# Every connection that was logged, and each direction of it
all_kernel()
{
	has_ktls || return 0
	until_true grep -q requests= "$log"
	has "who sends" "$(grep requests= "$log")" 'tx=kernel'
	lacks "who sends" "$(grep requests= "$log")" 'tx=user'
}

with_curl()
{
	local v

	for v in 1.2 1.3; do
		is "TLS $v" "$(web "--tlsv$v" --tls-max $v /large | sum)" \
			"$(sum "$www/large")"
	done
	is parallel "$(within curl -sS -4 --noproxy '*' -Z \
		--cacert "$pki/ca.pem" -o /dev/null -w '%{http_code} ' \
		"$url/[0-23].png")" "$(printf '200 %.0s' $(seq $images))"
}

with_wget()
{
	(cd "$dir" && within wget -q --no-proxy -r -np -nH \
		--ca-certificate="$pki/ca.pem" "$url/index.html")
	for i in 0 5 23; do
		cmp "$dir/$i.png" "$www/$i.png"
	done
	cmp "$dir/page.css" "$www/page.css"
}

with_wrk()
{
	out=$(within wrk -t1 -c20 -d2s "$url/5.png")
	lacks wrk "$out" 'Socket errors|Non-2xx'
	has wrk "$out" '[1-9][0-9]* requests in'
}

with_browser()
{
	local pin shot=${KTLS_SCREENSHOT:-$dir/shot.png}

	pin=$(openssl x509 -in "$pki/p256.pem" -pubkey -noout |
		openssl pkey -pubin -outform der |
		openssl dgst -sha256 -binary | base64)
	HOME=$dir within chromium --headless --no-sandbox --disable-gpu \
		--disable-dev-shm-usage --no-first-run \
		--no-proxy-server --user-data-dir="$dir/profile" \
		--ignore-certificate-errors-spki-list="$pin" \
		--enable-logging=stderr --log-level=0 \
		--timeout=$((20000 * slow)) --window-size=1000,700 \
		--screenshot="$shot" "$url/" >"$dir/browser.log" 2>&1
	[ -s "$shot" ]
	lacks console "$(grep CONSOLE "$dir/browser.log")" .
	lacks requests "$(grep -E ' [45][0-9][0-9]' "$log")" .
	until_true grep -q "page\.css?images=$images" "$log"
}

try()	# CLIENT ENGINE
{
	serve_p256 -v --engine "$2" "$www"
	"with_$1"
	all_kernel
}

for engine in epoll uring; do
	for client in curl wget wrk browser; do
		eval "${client}_$engine() { try $client $engine; }"
		tests+=("${client}_$engine")
	done
done
run_tests "${tests[@]}"
