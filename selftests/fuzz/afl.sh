#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# afl.sh TIME TARGET...: each target of build-afl/fuzz for TIME seconds with
# afl-fuzz, in build-afl/TARGET; what it finds that crashes or hangs ends the
# run.  It has no mutators of ours: it is another way to come to the same bytes.

set -euo pipefail
cd "$(dirname "$0")/../.."

[ $# -gt 1 ] || { echo "usage: ${0##*/} TIME TARGET..." >&2; exit 2; }
seconds=$1
shift
# of CI, and of machines whose core_pattern and governor are not ours to set
export AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 \
	AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1
export ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0

stat_of()	# NAME DIR
{
	awk -v name="$1" '$1 == name { print $3 }' "$2/default/fuzzer_stats"
}

for target; do
	out=build-afl/$target
	seeds=build-afl/seeds/$target
	rm -rf "$out" "$seeds"
	mkdir -p "$seeds"
	export FUZZ_TARGET=$target
	FUZZ_SEEDS=$seeds build-afl/fuzz >/dev/null 2>&1
	afl-fuzz -i "$seeds" -o "$out" -V "$seconds" -m none -t 10000 \
		-- build-afl/fuzz >"build-afl/log-$target" 2>&1 ||
		{ tail -40 "build-afl/log-$target"; exit 1; }
	printf '%-10s %9d runs  %6d edges  corpus %d\n' "$target" \
		"$(stat_of execs_done "$out")" \
		"$(stat_of edges_found "$out")" \
		"$(stat_of corpus_count "$out")"
	found=$(find "$out/default/crashes" "$out/default/hangs" -name 'id*')
	[ -z "$found" ] || { echo "FAILED $target: $found"; exit 1; }
done
