#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls agent" and a program that has no TLS: a client and a server in Python,
# with others at the other end. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"
# shellcheck source=selftests/agent_lib.sh
. "$top/selftests/agent_lib.sh"

# ---- a client in Python ------------------------------------------------------

page()	# [OPTION]... -- [ARG]...: by the agent's client
{
	within python3 "$client" --socket "$sock" "$@"
}

# Without kTLS there is nothing for a program that has no TLS
from_python()
{
	mkdir "$dir/www"
	head -c 300000 /dev/urandom >"$dir/www/file"
	serve_p256 --tickets 3 "$dir/www"
	conf '[cli12]' "trust = $pki/ca.pem" 'roles = client' 'users = *' \
		'tls = 1.2'
	agent
	if ! has_ktls; then
		ends 1 python3 "$client" --socket "$sock" --credential cli \
			get localhost "$port" /file
		has "no kernel" "$out" 'the kernel has no TLS'
		return
	fi
	for credential in cli cli12; do
		page --credential "$credential" get localhost "$port" /file \
			>"$dir/got" 2>"$dir/client.log"
		is "the file" "$(tail -c 300000 "$dir/got" | sum)" \
			"$(sum "$dir/www/file")"
		has answer "$(<"$dir/client.log")" '^\* kernel: 3$'
		has answer "$(<"$dir/client.log")" '^\* peer_verified: 1$'
		has answer "$(<"$dir/client.log")" \
			"^\* peer_sha256: $(openssl x509 -in "$pki/p256.pem" \
			-outform DER | sum)"
	done
	has log "$(<"$log")" 'credential=cli12 role=client tls=1.2'
	stop_agent
}

to_python()
{
	conf
	agent
	mkfifo "$dir/fifo"
	within python3 "$client" --socket "$sock" serve 0 >"$dir/fifo" \
		2>"$dir/client.log" &
	others+=("$!")
	IFS= read -r -t "$limit" line <"$dir/fifo"
	port=${line##* }
	url=https://localhost:$port
	if ! has_ktls; then
		ends 35 curl -sS -4 --cacert "$pki/ca.pem" "$url/"
		until_true grep -q 'the kernel has no TLS' "$dir/client.log"
		return
	fi
	for version in 1.2 1.3; do
		is curl "$(web --tls-max "$version" --tlsv1.2 /)" hello
		is get "$(get --tls "$version" /)" hello
	done
	has s_client "$(printf 'GET / HTTP/1.0\r\n\r\n' | talk)" hello
}

run_tests from_python to_python
