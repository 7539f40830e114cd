#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh TIME TARGET...: each target of build-fuzz/fuzz for TIME seconds; or
# run.sh runs=N TARGET...: its seeds and N changes to them, the same ones each
# time.  What fails is left in build-fuzz/found/ and ends the run.  What had been
# found before is a seed: selftests/fuzz/found/TARGET/, in hex.

set -euo pipefail
cd "$(dirname "$0")/../.."

[ $# -gt 1 ] || { echo "usage: ${0##*/} TIME|runs=N TARGET..." >&2; exit 2; }
how=$1
shift
out=build-fuzz
mkdir -p $out/found $out/log
export ASAN_OPTIONS=${ASAN_OPTIONS-abort_on_error=1:handle_abort=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}

unhex()
{
	# shellcheck disable=SC2059	# it is all escapes
	printf "$(sed 's/#.*//; s/[^0-9a-f]//g; s/../\\x&/g' | tr -d '\n')"
}

for target; do
	seeds=$out/seeds/$target
	corpus=$out/corpus/$target
	log=$out/log/$target
	rm -rf "$seeds"
	mkdir -p "$seeds" "$corpus"
	export FUZZ_TARGET=$target
	FUZZ_SEEDS=$seeds $out/fuzz >"$log" 2>&1 || { cat "$log"; exit 1; }
	for hex in selftests/fuzz/found/"$target"/*; do
		[ ! -f "$hex" ] ||
			unhex <"$hex" >"$seeds/found-${hex##*/}"
	done
	case $how in
	runs=*)	args=(-seed=1 "-$how" "$seeds") ;;
	*)	args=("-max_total_time=$how" "$corpus" "$seeds") ;;
	esac
	[ ! -f "selftests/fuzz/$target.dict" ] ||
		args=("-dict=selftests/fuzz/$target.dict" "${args[@]}")
	if ! $out/fuzz -timeout=60 -rss_limit_mb=4096 -print_final_stats=1 \
			-artifact_prefix=$out/found/"$target"- \
			"${args[@]}" >"$log" 2>&1; then
		tail -60 "$log"
		echo "FAILED $target: see $log"
		exit 1
	fi
	awk -v target="$target" '
		/ cov: / { for (i = 1; i < NF; i++) {
			if ($i == "cov:") cov = $(i + 1)
			if ($i == "corp:") corp = $(i + 1) } }
		/number_of_executed_units/ { runs = $2 }
		/average_exec_per_sec/ { rate = $2 }
		END { printf "%-10s %9d runs %7d/s  %6d edges  corpus %s\n",
			target, runs, rate, cov, corp }' "$log"
done
