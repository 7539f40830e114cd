#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls probe", on each kernel. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

field()	# FILTER: of jq's, on what --json prints
{
	jq -r "$1" <"$tmp/report"
}

json()
{
	is available "$(field .ktls.available)" "$available"
	is kernel "$(field .kernel.release)" "$(uname -r)"
	is system "$(field .kernel.system)" Linux
	is keys "$(field 'keys | join(" ")')" \
		"groups io_uring kernel ktls signature_schemes suites"
	is tls_stat "$(field .ktls.tls_stat)" \
		"$([ -r /proc/net/tls_stat ] && echo true || echo false)"
	# whatever works is null, whatever does not an errno's name
	is values "$(field '[.ktls.ulp, .ktls.rekey_tx, .ktls.rekey_rx,
		.ktls.max_payload, .ktls.no_pad, .io_uring.setup,
		(.ktls.ciphers[] | .tx, .rx), (.io_uring.features[])]
		| map(select(. != null and (test("^E[A-Z0-9]+$") | not)))
		| length')" 0
	is "suites of both versions" "$(field '.suites |
		map(select(test("^TLS_(AES|CHACHA20|ECDHE|DHE)_"))) |
		length')" "$(field '.suites | length')"
	has groups "$(field '.groups[]')" '^(x25519|X25519)$'
	has schemes "$(field '.signature_schemes[]')" \
		'^ecdsa_secp256r1_sha256$'
	ends 0 "$ktls" probe -j
	is -j "$out" "$(<"$tmp/report")"
}

# Each name that it lists is one that serve and get take.
names_taken()
{
	local list opt

	for opt in ciphers:suites groups:groups sigalgs:signature_schemes; do
		list=$(field ".${opt#*:} | join(\":\")")
		ends 2 "$ktls" get "--${opt%:*}" "$list" --timeout 1 \
			https://127.0.0.1:1/
		ends 1 "$ktls" get "--${opt%:*}" "$list:nonesuch" \
			https://127.0.0.1:1/
		has "$opt" "$out" nonesuch
	done
}

text()
{
	ends 0 "$ktls" probe
	is kernel "$(sed -n 's/^Kernel: Linux \([^ ]*\) .*/\1/p' <<<"$out")" \
		"$(uname -r)"
	has io_uring "$out" '^io_uring: (not )?available'
	has suites "$out" '^Cipher suites, most preferred first:$'
	is "long lines" "$(awk 'length > 90' <<<"$out")" ""
	if [ "$available" = true ]; then
		has kTLS "$out" '^kTLS: available$'
		has ciphers "$out" '^TLS 1\.3 +AES_128_GCM +yes +yes$'
		has ciphers "$out" '^TLS 1\.2 +AES_256_GCM +yes +yes$'
		has keys "$out" '^change of keys \(TLS 1\.3\) +[A-Zyes]+ +[A-Zyes]+$'
	else
		has kTLS "$out" '^kTLS: not available: .*\([A-Z]+\)$'
		has remedy "$out" 'modprobe tls'
		lacks ciphers "$out" '^VERSION'
	fi
}

# What it says is what a connection meets.
true_to_life()
{
	local want=false

	mkdir "$dir/www"
	echo x >"$dir/www/x"
	serve_p256 "$dir/www"
	get -v /x 2>"$dir/v" >"$dir/x"
	grep -q '^\* sending: carried by the kernel$' "$dir/v" && want=true
	is available "$available" "$want"
	if [ "$available" = false ]; then
		has reason "$(cat "$dir/v")" '^\* sending: in user space: TCP_ULP'
	fi
}

# As said in the manual and --help
example()
{
	local got

	got=$(field '.ktls.ciphers[] | select(.tx == null) |
		.version + " " + .cipher')
	if [ "$available" = true ]; then
		has ciphers "$got" '^TLS 1\.3 AES_128_GCM$'
	else
		is ciphers "$got" ""
	fi
}

usage()
{
	ends 1 "$ktls" probe more
	ends 1 "$ktls" probe --nonesuch
	has hint "$out" "Try 'ktls probe --help'"
	ends 0 "$ktls" probe --help
	has help "$out" '^Usage: ktls probe'
	local got=0

	"$ktls" probe -j >/dev/full 2>"$dir/err" || got=$?
	is "status on a full disk" "$got" 1
	has "full disk" "$(<"$dir/err")" 'cannot write to stdout'
}

"$ktls" probe --json >"$tmp/report"
available=$(field .ktls.available)
run_tests json names_taken text true_to_life example usage
