#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# coverage.sh DIR SECONDS TEST...: runs what was built with --coverage into DIR,
# for so long at most, and what the fuzzer has found in build-fuzz/corpus, if it
# has; then prints lines and branches of lib/, by file.  A branch is covered
# when it was taken.  What is killed counts for nothing, as does a process of the
# program ktls that ends by _exit(2).

set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 2 ] || { echo "usage: ${0##*/} DIR SECONDS TEST..." >&2; exit 2; }
dir=$1
seconds=$2
shift 2

find "$dir" -name '*.gcda' -delete
export KTLS_TEST_BUILD=$dir KTLS_TEST_SLOW=${KTLS_TEST_SLOW:-4}
timeout "$seconds" selftests/run.sh -o "$dir/log" "$@" >"$dir/tests.log" 2>&1 ||
	echo "# not all tests passed in $seconds s: see $dir/tests.log"
for corpus in build-fuzz/corpus/*/; do
	[ -d "$corpus" ] || continue
	FUZZ_TARGET=$(basename "$corpus") \
		timeout "$seconds" "$dir/fuzz-replay" "$corpus" >/dev/null 2>&1 ||
		echo "# $corpus: not replayed to its end"
done

printf '%-24s %6s %8s %8s %8s\n' '' lines run branches taken
# Three lines for each source: the file, its lines, its branches
gcov --no-output --branch-probabilities "$dir"/lib/*.gcno 2>/dev/null | awk '
	function part(s) { sub(/.*:/, "", s); return s + 0 }
	function row(name, lines, lit, branches, taken) {
		printf "%-24s %6d %7.1f%% %8d %7.1f%%\n", name,
			lines, lines ? 100 * lit / lines : 0,
			branches, branches ? 100 * taken / branches : 0 }
	/^File/ { split($0, quoted, "\047"); file = quoted[2] }
	# (the last such line is the sum of all files)
	/^Lines executed/ && !(file in lines) { lines[file] = $NF; lit[file] = part($2) }
	/^Taken at least/ { branches[file] = $NF; taken[file] = part($4) }
	END {
		for (f in lines) {
			if (f !~ /^lib\/[a-z0-9_]*\.c$/)
				continue
			l = lit[f] * lines[f] / 100
			t = taken[f] * branches[f] / 100
			row(f, lines[f], l, branches[f], t)
			L += lines[f]; l_all += l
			B += branches[f]; t_all += t
		}
		row("all", L, l_all, B, t_all)
	}' | sort
