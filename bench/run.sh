#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run.sh [-q] [-r ROUNDS] [-o DIR]: all that bench/RESULTS.md says, and that
# file: what a handshake costs on this machine, with its own libcrypto, with a
# newer one, and with lib25519; bytes, connections and files over kernel TLS in
# User Mode Linux. TSV, JSON, plots and the report go to DIR
# (build/bench/report), the report and its SVG plots to bench/ as well.
# -r: how often (5). -q: a little of each, to see whether it works.

set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
dir=build/bench/report
quick= rounds=5
while getopts qr:o: opt; do
	case $opt in
	q) quick=1 ;;
	r) rounds=$OPTARG ;;
	o) dir=$OPTARG ;;
	*)
		sed -n 's/^# \(run\.sh.*\):.*/usage: \1/p' "$0" >&2
		exit 2
		;;
	esac
done

[[ $rounds =~ ^[1-9][0-9]*$ ]] || exit 2
selftests/deps.sh bench plot vm-uml
make -s bench-build tools
mkdir -p "$dir"
dir=$(readlink -f "$dir")

if [ "$quick" ]; then
	hs=(-r 1 -n 20) bulk=(-r 1 -m 16 -n 1) cn=(-r 1 -n 100 -k 20)
	serve=(-t 1 -r 1)
else
	hs=(-r $((3 * rounds)) -n 100) bulk=(-r "$rounds" -m 16)
	cn=(-r "$rounds" -k 100) serve=(-t 2 -r "$rounds")
fi

echo "== handshakes"
build/bench/handshake "${hs[@]}" -o "$dir/handshake.tsv"
echo "== ... with a newer libcrypto"
selftests/vm/newcrypto.sh openssl version >"$dir/newer"
selftests/vm/newcrypto.sh build/bench/handshake "${hs[@]}" \
	-o "$dir/handshake-newer.tsv"
echo "== ... with lib25519"
LD_LIBRARY_PATH=$(selftests/vm/fetch.sh lib25519)/lib \
	build/bench/handshake "${hs[@]}" -o "$dir/handshake-lib25519.tsv"
# shellcheck disable=SC2016	# for the guest's shell
bench/vm.sh -t 3600 bash -euc '
	dir=$1 bulk=$2 cn=$3 serve=$4
	{ uname -r; grep -A 1 "gcm(aes)$" /proc/crypto |
		sed -n "s/^driver *: //p" | head -n 1; } >"$dir/kernel"
	echo "== bytes"
	build/bench/bulk $bulk -o "$dir/bulk.tsv"
	echo "== connections"
	build/bench/connections $cn -o "$dir/connections.tsv"
	echo "== beside nginx"
	bench/serve.sh $serve -o "$dir/serve.tsv"' \
	bash "$dir" "${bulk[*]}" "${cn[*]}" "${serve[*]}"
bench/report.sh "$dir"
[ "$quick" ] || cp "$dir"/RESULTS.md "$dir"/*.svg bench/
echo "$dir/RESULTS.md"
