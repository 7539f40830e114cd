#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# demo.sh: the main job, shown. Serves a file of 64 MiB over kernel TLS,
# fetches it with curl, openssl s_client and ktls get, compares the sums, and
# prints the kernel's own counters before and after; then by two processes of
# which the second resumes the session of the first, in TLS 1.3 and 1.2. Where
# the host's kernel has no TLS it boots one that has.

set -eu
cd "$(dirname "$0")/.."

has_ktls()
{
	build/ktls probe --json 2>/dev/null | grep -q '"ulp_error": *0'
}

# name, what stands in /proc/net/tls_stat now, and by how much it grew
counters()
{
	awk 'NR == FNR { was[$1] = $2; next }
	     was[$1] != $2 {
		printf "  %-20s %8d -> %d\n", $1, was[$1], $2 }' "$1" "$2"
}

show()	# NAME SUM
{
	local verdict=differs

	[ "$2" != "$sum" ] || verdict=identical
	printf '  %-18s %s  %s\n' "$1" "$2" "$verdict"
	[ "$verdict" = identical ]
}

fetch_all()
{
	local url=https://localhost:$port/file ca=$dir/localhost.pem
	local request='GET /file HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

	show curl "$(curl -sS --tlsv1.3 --cacert "$ca" "$url" | sha256sum |
		cut -d' ' -f1)"
	# shellcheck disable=SC2059	# the request is a format
	show "openssl s_client" "$(printf "$request" |
		openssl s_client -quiet -tls1_3 -CAfile "$ca" \
			-verify_return_error -servername localhost \
			-connect "localhost:$port" 2>/dev/null |
		tail -c "$size" | sha256sum | cut -d' ' -f1)"
	show "ktls get" "$(build/ktls get -v --cafile "$ca" -o "$dir/got" \
		"$url" 2>"$dir/get.log" && sha256sum "$dir/got" |
		cut -d' ' -f1)"
	echo
	echo "What ktls get -v said:"
	sed 's/^/  /' "$dir/get.log"
}

# The second fetch is by another process, and resumes the session
fetch_twice()	# VERSION [OPTION]...
{
	local i

	rm -f "$dir/session"
	for i in 1 2; do
		show "ktls get, $1 ($i)" "$(build/ktls get -v --tls "$@" \
			--session-file "$dir/session" \
			--cafile "$dir/localhost.pem" -o "$dir/got" \
			"https://localhost:$port/file" 2>"$dir/get$i.log" &&
			sha256sum "$dir/got" | cut -d' ' -f1)"
		grep -h 'TLS 1\|sending\|receiving' "$dir/get$i.log" |
			sed 's/^/  /'
	done
	! grep -q resumed "$dir/get1.log" && grep -q resumed "$dir/get2.log"
}

stop()
{
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	wait || true
	rm -rf "$dir"
}

# On a kernel with kTLS
size=$((64 << 20))

run()
{
	dir=$(mktemp -d)
	server=
	trap stop EXIT
	mkdir "$dir/www"
	head -c "$size" /dev/urandom >"$dir/www/file"
	sum=$(sha256sum "$dir/www/file" | cut -d' ' -f1)
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$dir/localhost.key" -out "$dir/localhost.pem" \
		-days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost 2>/dev/null

	build/ktls serve -l 127.0.0.1:0 -c "$dir/localhost.pem" \
		-k "$dir/localhost.key" "$dir/www" >"$dir/serve.log" 2>&1 &
	server=$!
	for _ in $(seq 100); do
		port=$(sed -n 's/.*listening on .*:\([0-9]*\).*/\1/p' \
			"$dir/serve.log" | head -1)
		[ -z "$port" ] || break
		sleep 0.1
	done
	[ -n "$port" ] || { cat "$dir/serve.log"; exit 1; }

	echo "Kernel $(uname -r), ktls serve on port $port, 64 MiB:"
	printf '  %-18s %s\n' "the file" "$sum"
	cp /proc/net/tls_stat "$dir/before"
	fetch_all
	echo
	echo "TLS 1.3, resumed by ticket:"
	fetch_twice 1.3
	echo
	echo "TLS 1.2, resumed by session id:"
	fetch_twice 1.2 --no-tickets
	kill "$server"
	wait "$server" || true
	server=
	cp /proc/net/tls_stat "$dir/after"
	echo
	echo "What ktls serve logged:"
	sed 's/^/  /' "$dir/serve.log"
	echo
	echo "The kernel's counters, /proc/net/tls_stat before and after:"
	counters "$dir/before" "$dir/after"
	# seven served, five of them also fetched by us: both ends count
	awk '$1 == "TlsTxSw" { tx = $2 } $1 == "TlsRxSw" { rx = $2 }
	     END { exit !(tx >= 12 && rx >= 12) }' "$dir/after"
}

if [ "${1-}" = --here ]; then
	run
	exit
fi

selftests/deps.sh build test
make -s -j"$(nproc)" all
if has_ktls; then
	exec "$0" --here
fi
echo "This kernel ($(uname -r)) has no TLS: booting one that has."
selftests/deps.sh vm-uml
selftests/vm/fetch.sh uml >/dev/null
exec selftests/vm/vm.sh -k uml -t 180 -- selftests/demo.sh --here
