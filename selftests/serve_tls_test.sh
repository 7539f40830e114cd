#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls serve" and what it negotiates: certificates by name and by what the
# client can verify, clients' certificates, versions, suites, groups, ALPN,
# and the alert, which always reaches the peer. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"
echo page >"$www/index.html"

# What openssl s_client says of a handshake, without a request
client()	# [OPTION]...
{
	within openssl s_client -CAfile "$pki/ca.pem" \
		-connect "127.0.0.1:$port" "$@" </dev/null 2>&1
}

# The subject of the certificate that it is shown
shown()	# [OPTION]...
{
	client "$@" | sed -n 's/^subject=CN = //p'
}

# It is refused, and told so: number and name of the alert
refused()	# ALERT NAME [OPTION]...
{
	local said

	said=$(client "${@:3}") || true
	has "alert for ${*:3}" "$said" "SSL alert number $1\$"
	has "log for ${*:3}" "$(tail -n 1 "$log")" " alert=$2\$"
}

# ... only after its own handshake is done, as in TLS 1.3
refused_late()	# ALERT [OPTION]...
{
	printf 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' |
		talk "${@:2}" >"$dir/answer" || true
	has "alert for ${*:2}" "$(<"$dir/s_client.log")" "SSL alert number $1\$"
	[ ! -s "$dir/answer" ]
}

# ---- certificates ----------------------------------------------------------

by_name()
{
	serve -c "$pki/p256.pem" -k "$pki/p256.key" \
		-c "$pki/othername.pem" -k "$pki/othername.key" "$www"
	is first "$(shown -servername localhost)" p256
	is wildcard "$(shown -servername a.example.test)" p256
	is other "$(shown -servername other.test)" othername
	is case "$(shown -servername OTHER.test)" othername
	is unknown "$(shown -servername unknown.test)" p256
	is "none asked for" "$(shown -noservername)" p256
	is curl "$(web --connect-to "other.test:$port:127.0.0.1:$port" \
		-o /dev/null -w '%{http_code}' /)" 200
	until_true grep -q 'sni=other\.test' "$log"
}

by_signature()
{
	serve -c "$pki/p256.pem" -k "$pki/p256.key" \
		-c "$pki/rsa2048.pem" -k "$pki/rsa2048.key" \
		-c "$pki/ed25519.pem" -k "$pki/ed25519.key" "$www"
	is ecdsa "$(shown -sigalgs ECDSA+SHA256)" p256
	is rsa "$(shown -sigalgs rsa_pss_rsae_sha256)" rsa2048
	is ed25519 "$(shown -sigalgs ed25519)" ed25519
	is "ecdsa, 1.2" "$(shown -tls1_2 -sigalgs ECDSA+SHA256)" p256
	is "rsa, 1.2" "$(shown -tls1_2 -sigalgs RSA+SHA256)" rsa2048
	refused 40 handshake_failure -sigalgs ecdsa_secp521r1_sha512
}

strict_name()
{
	serve --strict-name -c "$pki/p256.pem" -k "$pki/p256.key" \
		-c "$pki/othername.pem" -k "$pki/othername.key" "$www"
	is known "$(shown -servername other.test)" othername
	refused 112 unrecognized_name -servername unknown.test
	refused 112 unrecognized_name -servername unknown.test -tls1_2
	is "none asked for" "$(shown -noservername)" p256
}

# One file with both, and a chain with what leads to the root
files()
{
	cat "$pki/chain.pem" "$pki/chain.key" >"$dir/both.pem"
	serve -c "$dir/both.pem" "$www"
	is page "$(web /)" page
	stop_server
	ends 1 "$ktls" serve -c "$pki/p256.pem" -k "$pki/p384.key" "$www"
	has mismatch "$out" '^ktls serve: .*key'
	ends 1 "$ktls" serve -c "$pki/p256.pem" "$www"
	has "no key" "$out" 'p256\.pem'
	ends 1 "$ktls" serve -c /nonesuch.pem "$www"
	has "no file" "$out" '/nonesuch\.pem.*No such file'
	ends 1 "$ktls" serve -k "$pki/p256.key" "$www"
	has "key first" "$out" 'no -c CERT'
}

throw_away()
{
	local printed

	serve "$www"
	printed=$(sed -n 's/^ktls serve: no -c: .*SHA-256 //p' "$log")
	client -showcerts | openssl x509 >"$dir/cert.pem"
	is fingerprint "$printed" "$(openssl x509 -in "$dir/cert.pem" \
		-noout -fingerprint -sha256 | cut -d= -f2)"
	openssl x509 -in "$dir/cert.pem" -noout -text >"$dir/text"
	has names "$(<"$dir/text")" 'DNS:localhost, IP Address:127\.0\.0\.1'
	has names "$(<"$dir/text")" "(DNS|IP Address):$(hostname)"
	ends 3 "$ktls" get "$url/"
	ends 0 "$ktls" get --insecure "$url/"
	is page "$out" page
	# whoever has the certificate can verify it
	is trusted "$(within "$ktls" get --cafile "$dir/cert.pem" "$url/")" page
	is "trusted by curl" "$(web --cacert "$dir/cert.pem" /)" page
}

# ---- clients' certificates -------------------------------------------------

client_cert()
{
	local cert=(-cert "$pki/client.pem" -key "$pki/client.key")
	local other=(-cert "$pki/stranger.pem" -key "$pki/stranger.key")

	serve_p256 --client-ca "$pki/ca.pem" "$www"
	is curl "$(web --cert "$pki/client.pem" --key "$pki/client.key" /)" page
	until_true grep -q ' client="\?CN \?\\\?= \?client' "$log"
	is "ktls get" "$(get -c "$pki/client.pem" -k "$pki/client.key" /)" page
	is "1.2" "$(get --tls 1.2 -c "$pki/client.pem" \
		-k "$pki/client.key" /)" page
	refused 40 handshake_failure -tls1_2
	refused 48 unknown_ca -tls1_2 "${other[@]}"
	is "none given" "$(client -tls1_2 "${cert[@]}" |
		grep -c '^subject=CN = p256')" 1
	# the alert comes behind the client's request, again and again
	for _ in 1 2 3 4 5; do
		refused_late 116 -tls1_3
		refused_late 48 -tls1_3 "${other[@]}"
	done
	refused_late 45 -tls1_3 -cert "$pki/expired.pem" -key "$pki/expired.key"
	refused_late 43 -tls1_3 -cert "$pki/serveronly.pem" \
		-key "$pki/serveronly.key"
	ends 3 "$ktls" get --cafile "$pki/ca.pem" "$url/"
	has "ktls get" "$out" 'certificate_required'
}

client_optional()
{
	serve_p256 --client-ca "$pki/ca.pem" --client-optional "$www"
	is without "$(get /)" page
	is with "$(get -c "$pki/client.pem" -k "$pki/client.key" /)" page
	is "without, 1.2" "$(get --tls 1.2 /)" page
	refused_late 48 -tls1_3 -cert "$pki/stranger.pem" \
		-key "$pki/stranger.key"
	until_true grep -q ' client=' "$log"
	is "who is logged" "$(grep -c ' client=' "$log")" 1
	ends 1 "$ktls" serve --client-optional "$www"
	has usage "$out" 'needs --client-ca'
}

# ---- negotiation -----------------------------------------------------------

versions()
{
	serve_p256 "$www"
	has "1.3 preferred" "$(client)" '^New, TLSv1\.3, '
	has 1.2 "$(client -tls1_2)" '^New, TLSv1\.2, '
	refused 70 protocol_version -tls1_1 -cipher DEFAULT@SECLEVEL=0
	stop_server
	serve_p256 --tls 1.2 "$www"
	has "only 1.2" "$(client)" '^New, TLSv1\.2, '
	refused 70 protocol_version -tls1_3
	ends 3 "$ktls" get --tls 1.3 --cafile "$pki/ca.pem" "$url/"
	has "ktls get" "$out" 'protocol_version'
	stop_server
	serve_p256 --tls 1.3 "$www"
	has "only 1.3" "$(client)" '^New, TLSv1\.3, '
	refused 70 protocol_version -tls1_2
	ends 1 "$ktls" serve --tls 1.1 "$www"
	has usage "$out" '^ktls serve: --tls 1\.1: '
}

suites()
{
	local name

	serve_p256 --ciphers "TLS_AES_256_GCM_SHA384:\
TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" "$www"
	has 1.3 "$(client)" 'Cipher is TLS_AES_256_GCM_SHA384'
	has 1.2 "$(client -tls1_2)" 'Cipher is ECDHE-ECDSA-AES256-GCM-SHA384'
	refused 40 handshake_failure -ciphersuites TLS_AES_128_GCM_SHA256
	refused 40 handshake_failure -tls1_2 \
		-cipher ECDHE-ECDSA-AES128-GCM-SHA256
	until_true grep -q 'suite=TLS_ECDHE_ECDSA_WITH_AES_256' "$log"
	ends 1 "$ktls" serve --ciphers TLS_NONE "$www"
	has usage "$out" TLS_NONE
	# the server's order counts
	stop_server
	serve_p256 --ciphers \
		TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256 "$www"
	for name in TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256; do
		has order "$(client -ciphersuites "$name")" \
			'Cipher is TLS_CHACHA20_POLY1305_SHA256'
	done
}

groups()
{
	serve_p256 --groups secp384r1:x25519 "$www"
	has first "$(client -groups P-384:X25519)" 'Server Temp Key: ECDH, .*384'
	has "a share saves a round trip" "$(client -groups X25519:P-384)" \
		'Server Temp Key: X25519'
	has other "$(client -groups X25519)" 'Server Temp Key: X25519'
	# the certificate's own curve must be among them (RFC 8422 5.1)
	has 1.2 "$(client -tls1_2 -groups P-256:P-384)" \
		'Server Temp Key: ECDH, .*384'
	refused 40 handshake_failure -groups P-256
	refused 40 handshake_failure -tls1_2 -groups P-256
	# its first guess is another one: a HelloRetryRequest, and it is told
	has retried "$(get -v --groups secp256r1:secp384r1 / 2>&1)" \
		'secp384r1 \(after a HelloRetryRequest\)$'
	until_true grep -q 'group=secp384r1' "$log"
}

# Nothing but the wire shows these: they work, and what must not be is refused
extended()
{
	serve_p256 --padding 512 --grease --retry "$www"
	is plain "$(get /)" page
	is padded "$(get --padding 16384 --grease /)" page
	has "in user space" "$(get -v --padding 1000 / 2>&1)" \
		'sending: in user space'
	is "certificates as wanted" \
		"$(get --sigalgs-cert ecdsa_secp256r1_sha256 /)" page
	has "and others" "$(get --sigalgs-cert ed25519 / 2>&1)" \
		'is signed with ecdsa_secp256r1_sha256'
	has "no number" "$(get --padding 16385 / 2>&1)" \
		'not a number from 1 to 16384'
}

compressed()
{
	serve_p256 --cert-compression zstd:zlib "$www"
	has "both do" "$(get -v --cert-compression brotli:zlib / 2>&1)" \
		'verified, compressed by zlib$'
	until_true grep -q ' compressed=zlib ' "$log"
	lacks "one does not" "$(get -v / 2>&1)" compressed
	lacks "only in 1.3" "$(get -v --tls 1.2 --cert-compression zlib / \
		2>&1)" compressed
	stop_server
	# what is not there, or no library, is not offered
	echo none >"$dir/libz.so.1"
	LD_LIBRARY_PATH=$dir serve_p256 --cert-compression zlib:zstd "$www"
	has "one is left" "$(get -v --cert-compression zlib:zstd / 2>&1)" \
		'verified, compressed by zstd$'
	lacks "none is" "$(get -v --cert-compression zlib / 2>&1)" compressed
	ends 1 "$ktls" get --cert-compression gzip "$url/"
	has "no such algorithm" "$out" 'unknown compression "gzip"'
	ends 1 "$ktls" serve --cert-compression gzip "$www"
	has "no such algorithm" "$out" 'unknown compression "gzip"'
}

raw_key()
{
	local hash

	openssl pkey -in "$pki/client.key" -pubout -out "$dir/client.pub"
	hash=$(openssl pkey -in "$pki/p256.key" -pubout -outform DER |
		sha256sum | cut -d' ' -f1)
	serve --raw-key "$pki/p256.key" --peer-keys "$dir/client.pub" "$www"
	is page "$(within "$ktls" get -v --raw-key "$pki/client.key" \
		--peer-key-hashes "$hash" "$url/" 2>"$dir/said")" page
	has "who it is" "$(<"$dir/said")" "server: \"?sha256:$hash.* verified"
	until_true grep -q ' client="*sha256:' "$log"
	ends 3 "$ktls" get --raw-key "$pki/p256.key" \
		--peer-key-hashes "$hash" "$url/"
	until_true grep -q 'not one of those that are trusted' "$log"
	ends 3 "$ktls" get --peer-key-hashes "${hash//[0-9]/a}" "$url/"
	has "no key" "$out" unsupported_certificate
	ends 3 "$ktls" get --raw-key "$pki/client.key" \
		--peer-key-hashes "${hash//[0-9]/a}" "$url/"
	has "another key" "$out" 'raw public key sha256:[0-9a-f]{64} is not'
	ends 3 "$ktls" get --cafile "$pki/ca.pem" "$url/"
	has "no raw keys" "$out" unsupported_certificate
	ends 1 "$ktls" get --peer-key-hashes 00 "$url/"
	has "no hash" "$out" '"00" is not a SHA-256 hash'
}

retry()
{
	serve_p256 --retry "$www"
	has "ktls get" "$(get -v / 2>&1)" '\(after a HelloRetryRequest\)$'
	is curl "$(web /)" page
	is "1.2" "$(web --tlsv1.2 --tls-max 1.2 /)" page
}

alpn()
{
	serve_p256 --alpn h3,http/1.1 "$www"
	has match "$(client -alpn h2,http/1.1)" '^ALPN protocol: http/1\.1$'
	has "the server's order" "$(client -alpn http/1.1,h3)" \
		'^ALPN protocol: h3$'
	has none "$(client)" '^No ALPN negotiated$'
	refused 120 no_application_protocol -alpn h2
	refused 120 no_application_protocol -alpn h2 -tls1_2
	ends 3 "$ktls" get --alpn h2 --cafile "$pki/ca.pem" "$url/"
	has "ktls get" "$out" no_application_protocol
	stop_server
	serve_p256 --alpn '' "$www"
	has "left out" "$(client -alpn h2)" '^No ALPN negotiated$'
	stop_server
	serve_p256 "$www"
	has default "$(client -alpn h2,http/1.0,http/1.1)" \
		'^ALPN protocol: http/1\.1$'
}

# ---- alerts ----------------------------------------------------------------

# Who speaks no TLS, and does not stop, still gets the alert and not a reset.
strangers()
{
	local junk n

	serve_p256 "$www"
	for junk in 16 100000 900000; do
		for n in 1 2 3; do
			exec 7<>"/dev/tcp/127.0.0.1/$port"
			{ printf 'GET / HTTP/1.1\r\n\r\n'
			  head -c "$junk" /dev/zero; } >&7 2>"$dir/write" || true
			is "alert $n after $junk bytes" "$(head -c 7 <&7 |
				od -An -tx1 | cut -d' ' -f2-3,5-7)" "15 03 00 02 02"
			exec 7>&-
		done
	done
	is page "$(get /)" page
}

# ---- secrets ---------------------------------------------------------------

labels()	# FILE
{
	cut -d' ' -f1 "$1" | sort | xargs
}

key_log()
{
	SSLKEYLOGFILE=$dir/keys serve_p256 "$www"
	client -tls1_3 -keylogfile "$dir/theirs" >/dev/null
	is mode "$(stat -c %a "$dir/keys")" 600
	is labels "$(labels "$dir/keys")" "CLIENT_HANDSHAKE_TRAFFIC_SECRET \
CLIENT_TRAFFIC_SECRET_0 EXPORTER_SECRET SERVER_HANDSHAKE_TRAFFIC_SECRET \
SERVER_TRAFFIC_SECRET_0"
	is secrets "$(sort "$dir/keys")" "$(grep -v '^#' "$dir/theirs" | sort)"
	: >"$dir/keys"
	rm "$dir/theirs"
	client -tls1_2 -keylogfile "$dir/theirs" >/dev/null
	is labels "$(labels "$dir/keys")" CLIENT_RANDOM
	is secrets "$(<"$dir/keys")" "$(grep -v '^#' "$dir/theirs")"
	# both ends append, whole lines
	: >"$dir/keys"
	SSLKEYLOGFILE=$dir/keys get / >"$dir/page"
	is lines "$(grep -cE '^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64,96}$' \
		"$dir/keys")" 10
	is "both the same" "$(sort -u "$dir/keys" | grep -c ^)" 5
	ends 1 env SSLKEYLOGFILE="$dir/none/keys" "$ktls" get "$url/"
	has "no such place" "$out" 'SSLKEYLOGFILE .*No such file'
}

# How often a process has the private key in its memory, in either byte order
has_key()	# PID KEY
{
	within openssl pkey -in "$2" -text -noout | within python3 -c '
import re, sys
text = sys.stdin.read()
key = bytes.fromhex(re.search("priv:([0-9a-f:\\s]+)", text)[1].replace(
	":", "").replace(" ", "").replace("\n", ""))[-32:]
found = 0
with open("/proc/%s/mem" % sys.argv[1], "rb", 0) as mem:
	for line in open("/proc/%s/maps" % sys.argv[1]):
		at, to = (int(x, 16) for x in line.split()[0].split("-"))
		if line.split()[1][:2] != "rw":
			continue
		try:
			mem.seek(at)
			b = mem.read(min(to - at, 1 << 26))
		except OSError:
			continue
		found += b.count(key) + b.count(key[::-1])
print(found)
' "$1"
}

key_process()
{
	local keeper found status=0

	serve --key-process -c "$pki/p256.pem" -k "$pki/p256.key" \
		-c "$pki/rsa2048.pem" -k "$pki/rsa2048.key" "$www"
	keeper=$(pgrep -P "$server")
	is 1.3 "$(shown -tls1_3 -sigalgs ECDSA+SHA256)" p256
	is "1.3, RSA" "$(shown -tls1_3 -sigalgs RSA-PSS+SHA256)" rsa2048
	is 1.2 "$(shown -tls1_2 -sigalgs ECDSA+SHA256)" p256
	is "1.2, RSA" "$(shown -tls1_2 -sigalgs RSA+SHA384)" rsa2048
	is page "$(web /)" page
	has "limits of who has the keys" "$(<"/proc/$keeper/limits")" \
		'^Max open files +0 +0 '
	has privileges "$(<"/proc/$keeper/status")" '^NoNewPrivs:.1$'
	# a sanitizer keeps what was freed; others may not look
	if [ "$(id -u)" = 0 ] && [ "$build" = "$top/build" ]; then
		is "key in the server" "$(has_key "$server" "$pki/p256.key")" 0
		found=$(has_key "$keeper" "$pki/p256.key")
		[ "$found" -gt 0 ]
	fi
	# nor has the server anything to live for without it
	kill -KILL "$keeper"
	wait "$server" || status=$?
	is "status without keys" "$status" 1
	servers=()
	has log "$(<"$log")" 'that has the private keys has ended'
	ends 1 "$ktls" serve --key-process -c "$pki/p256.pem" \
		-k "$pki/p384.key" "$www"
	has mismatch "$out" 'does not belong'
}

run_tests by_name by_signature strict_name files throw_away client_cert \
	client_optional versions suites groups extended compressed \
	raw_key retry alpn strangers key_log key_process
