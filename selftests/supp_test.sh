#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# supp_test.sh: SupplementalData and user mapping by the program's options.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

get()	# STATUS ARG...
{
	local want=$1

	shift
	ends "$want" "$ktls" get --cafile "$pki/ca.pem" "$@"
}

# N times an option, each of another type
types()	# N
{
	for i in $(seq "$1"); do
		printf -- '--supp-data %d= ' $((1000 + i))
	done
}

# The one too many is not looked at, let alone kept
no_more_types_than_there_is_room_for()
{
	for last in 5= 60000= 65535:65535=/dev/null nonsense; do
		# shellcheck disable=SC2046	# words
		ends 1 "$ktls" get $(types 8) --supp-data "$last" \
			https://localhost:1/
		is "complaint" "$(head -n 1 <<<"$out")" \
			"ktls get: more than 8 times --supp-data"
	done
}

# What a client says of itself is one word of one line, whatever it is
the_log_is_not_the_clients_to_write()
{
	printf 'a\n2026-01-01T00:00:00Z "peer=1\e[2J\0\302\233b=c' >"$dir/data"
	serve_p256 --supp-data 1000= "$dir"
	get 4 --tls 1.2 --supp-data "1000=$dir/data" \
		"https://localhost:$port/none"
	stop_server
	has "log" "$(cat "$log")" \
		' supplemental data: 1000 "a\\x0a2026-01-01T00:00:00Z \\"peer=1\\x1b\[2J\?\\xc2\\x9bb=c"$'
	is "lines" "$(grep -c . "$log")" "$(grep -c '^20.*Z ' "$log")"
}

run_tests \
	no_more_types_than_there_is_room_for \
	the_log_is_not_the_clients_to_write
