#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Each target of the fuzzer, on its seeds, on what it has found before
# (fuzz/found/) and on some changes to them, the same ones each time.  Speaks
# KTAP.  KTLS_FUZZ_RUNS: how many changes.

set -u
cd "$(dirname "$0")/.." || exit 1
. selftests/verdict_lib.sh
runs=${KTLS_FUZZ_RUNS:-2000}

out=$(make -j"$(nproc)" fuzz-program 2>&1) || { echo "$out"; exit 1; }
targets=$(make -s --no-print-directory \
	--eval 'show-list:; @echo $(fuzz-targets)' show-list)

verdicts "$(wc -w <<<"$targets")"
for target in $targets; do
	# each of them is eight ends with all that they need
	[ "$target" = diff ] && changes=1 || changes=$runs
	if out=$(selftests/fuzz/run.sh "runs=$changes" "$target" 2>&1); then
		echo "# $out"
		verdict "$target" ""
	else
		verdict "$target" "$out"
	fi
done
verdicts_end
