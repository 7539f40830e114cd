#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What "ktls serve" sends is what the file holds, byte by byte: whatever its
# size, the version, the cipher, who encrypts and who fetches. Runs on each
# kernel; where there is kTLS, the kernel must carry what it is asked to.
# Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"

file()	# SIZE: makes it, once
{
	[ -f "$www/$1" ] || head -c "$1" /dev/urandom >"$www/$1"
}

# Whole, by curl and by ktls get, and the last byte
same()	# SIZE
{
	local want got

	file "$1"
	want=$(sum "$www/$1")
	is "curl, $1 bytes" "$(web "/$1" | sum)" "$want"
	got=$(get "/$1" | sum)
	is "ktls get, $1 bytes" "$got" "$want"
	[ "$everything" ] || return 0
	is "length of $1" "$(head_of -I "/$1" |
		sed -n 's/^Content-Length: //p')" "$1"
	[ "$1" = 0 ] || is "last byte of $1" "$(get -r -1 "/$1" | sum)" \
		"$(tail -c 1 "$www/$1" | sum)"
}

# What the server's log says of each connection: version, and the directions
carried()	# VERSION TX RX
{
	until_true grep -q requests= "$log"
	has version "$(head -n 1 "$log")" " version=\"TLS $1\" "
	has sending "$(head -n 1 "$log")" " tx=\"?$2[ :]"
	has receiving "$(head -n 1 "$log")" " rx=\"?$3[ :]"
}

# ---- sizes -----------------------------------------------------------------

# The edges of a record, alone and with a head before it, and of the buffers
sizes()
{
	local n

	serve_p256 --tls "$1" "${@:2}" "$www"
	for n in $sizes; do
		same "$n"
	done
}

sizes_13() { sizes 1.3; carried 1.3 "$best" "$best"; }
sizes_12() { sizes 1.2; carried 1.2 "$best" "$best"; }

sizes_user()
{
	sizes 1.3 --tx user --rx user
	carried 1.3 user user
	has reason "$(head -n 1 "$log")" 'tx="user: [^"]+"'
}

# ---- ciphers and directions ------------------------------------------------

big()	# [OPTION]...: 3 MiB, fetched by each client
{
	serve_p256 "$@" "$www"
	file 3145729
	is curl "$(web /3145729 | sum)" "$(sum "$www/3145729")"
	is "ktls get" "$(get /3145729 | sum)" "$(sum "$www/3145729")"
}

aes256_13() { big --tls 1.3 --ciphers TLS_AES_256_GCM_SHA384; }
chacha_13() { big --tls 1.3 --ciphers TLS_CHACHA20_POLY1305_SHA256; }
chacha_12()
{
	big --tls 1.2 --ciphers TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
}

# CCM, which curl does not offer
ccm()	# VERSION SUITE
{
	serve_p256 --tls "$1" --ciphers "$2" "$www"
	file 100000
	is "ktls get" "$(get -v --ciphers "$2" /100000 2>"$dir/v" | sum)" \
		"$(sum "$www/100000")"
	has negotiated "$(cat "$dir/v")" "TLS $1, $2, "
}

ccm_13() { ccm 1.3 TLS_AES_128_CCM_SHA256; }
ccm_12() { ccm 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_CCM; }

# Each end chooses for itself.
mixed()
{
	big --tx user
	carried 1.3 user "$best"
	file 100000
	get -v --tx user --rx user /100000 2>"$dir/v" >"$dir/got"
	cmp "$dir/got" "$www/100000"
	is "told of user space" "$(grep -cE \
		'^\* (sending|receiving): in user space: ' "$dir/v")" 2
	stop_server
	big --rx user
	carried 1.3 "$best" user
}

# "kernel": or not at all
required()
{
	file 100000
	if ! has_ktls; then
		ends 1 "$ktls" serve --tx kernel -l 127.0.0.1:0 "$www"
		has reason "$out" '^ktls serve: .*kernel'
		serve_p256 "$www"
		ends 1 "$ktls" get --rx kernel --cafile "$pki/ca.pem" "$url/100000"
		has reason "$out" '^ktls get: .*kernel'
		return
	fi
	serve_p256 --tx kernel --rx kernel "$www"
	get -v --tx kernel --rx kernel /100000 2>"$dir/v" >"$dir/got"
	cmp "$dir/got" "$www/100000"
	is "told of the kernel" "$(grep -cE \
		'^\* (sending|receiving): carried by the kernel$' "$dir/v")" 2
	carried 1.3 kernel kernel
}

# --need-rekey: user space where the kernel cannot change keys
need_rekey()
{
	local want=user

	"$ktls" probe --json | jq -e '.ktls.available and
		.ktls.rekey_tx == null and .ktls.rekey_rx == null' >/dev/null &&
		want=kernel
	big --need-rekey --tls 1.3
	carried 1.3 "$want" "$want"
	[ "$want" = kernel ] || has reason "$(head -n 1 "$log")" "tx=\"user: "
	stop_server
	big --need-rekey --tls 1.2	# which has none
	carried 1.2 "$best" "$best"
}

# The kernel's own counters tell who encrypted.
counted()
{
	serve_p256 --tls 1.3 "$www"
	file 100000
	count before
	for _ in 1 2 3; do
		is body "$(web /100000 | sum)" "$(sum "$www/100000")"
	done
	count after
	is "TlsTxSw" $((after_TlsTxSw - before_TlsTxSw)) 3
	is "TlsRxSw" $((after_TlsRxSw - before_TlsRxSw)) 3
	is "TlsDecryptError" "$after_TlsDecryptError" "$before_TlsDecryptError"
}

count()	# PREFIX
{
	local name value

	while read -r name value; do
		declare -g "$1_$name=$value"
	done </proc/net/tls_stat
}

# ---- one connection, several bodies ----------------------------------------

persistent()
{
	local n answer

	serve_p256 "$www"
	for n in 0 1 16384 16385 1000003; do
		file "$n"
	done
	within curl -sS -4 --cacert "$pki/ca.pem" -w '%{num_connects}\n' \
		-o "$dir/a" "$url/1000003" -o "$dir/b" "$url/0" \
		-o "$dir/c" "$url/16385" -o "$dir/d" "$url/16384" >"$dir/n"
	is connections "$(xargs <"$dir/n")" "1 0 0 0"
	cmp "$dir/a" "$www/1000003"
	[ ! -s "$dir/b" ]
	cmp "$dir/c" "$www/16385"
	cmp "$dir/d" "$www/16384"
	# at once: what is answered first may fill the socket
	for n in 16385 1 1000003 0 16384; do
		printf 'GET /%s HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n\r\n' \
			"$n" "$([ "$n" = 16384 ] && echo close)"
	done >"$dir/requests"
	talk <"$dir/requests" | LC_ALL=C sed 's/^HTTP/\n&/' >"$dir/answers"
	is answers "$(LC_ALL=C grep -ac 'HTTP/1\.1 200 OK' "$dir/answers")" 5
	is "last body" "$(tail -c 16384 "$dir/answers" | sum)" \
		"$(sum "$www/16384")"
}

ranges()
{
	local range first last

	serve_p256 "$www"
	file 1000003
	for range in 0-16383 16383-16384 100000-900000 999999- 1-; do
		IFS=- read -r first last <<<"$range"
		is "$range" "$(get -r "$range" /1000003 | sum)" \
			"$(tail -c "+$((first + 1))" "$www/1000003" |
			head -c "$((${last:-1000002} - first + 1))" | sum)"
	done
}

# ---- the end ---------------------------------------------------------------

# A signal while a body is on its way: it comes whole, and then the end
drain()
{
	serve_p256 "$@" "$www"
	file $((8 << 20))
	mkfifo "$dir/pipe"
	web "/$((8 << 20))" >"$dir/pipe" 2>"$dir/curl.log" &
	exec 7<"$dir/pipe"
	head -c 100000 <&7 >"$dir/got"
	kill -TERM "$server"
	until_true grep -q ' draining: 1 connection' "$log"
	ends 2 "$ktls" get --insecure "$url/"
	cat <&7 >>"$dir/got"
	exec 7<&-
	cmp "$dir/got" "$www/$((8 << 20))"
	wait $!
	await_server
	has log "$(cat "$log")" ' requests=1 .*end="closed by us"'
}

drain_user() { drain --tx user --rx user; }

best=user
more=()
if has_ktls; then
	best=kernel
	more=(counted)
fi
# In a virtual machine it takes a second to start curl: what matters there
everything=
sizes="0 16385 1000003"
if [ -z "${KTLS_VM-}" ]; then
	everything=1
	sizes="0 1 2 16383 16384 16385 32768 65536 131073 1000003 $((5 << 20))"
	more+=(sizes_user aes256_13 chacha_13 ccm_13 chacha_12 ranges drain_user)
fi
both_engines
run_tests sizes_13 sizes_12 ccm_12 mixed required need_rekey persistent drain \
	"${more[@]}"
