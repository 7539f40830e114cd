#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of run.sh, on programs that fail, crash, hang, skip and lie.

set -u
# the directory of this script has run.sh
run=$(cd "$(dirname "$0")" && pwd)/run.sh
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
unset V KTLS_TEST_SLOW
n=0 failures=0

prog()	# NAME, its body on standard input
{
	{ echo '#!/bin/bash'; cat; } >"$1"
	chmod +x "$1"
}

check()	# NAME STATUS CLOSING-LINE TEXT COMMAND...
{
	local name=$1 want=$2 last=$3 text=$4 out status
	shift 4

	out=$("$@" 2>&1)
	status=$?
	n=$((n + 1))
	if [ "$status" -eq "$want" ] && [ "${out##*$'\n'}" = "$last" ] &&
	   [[ $out == *"$text"* ]] &&
	   [ "$(grep -cE '^[0-9]+ passed, ' <<<"$out")" -eq 1 ]; then
		echo "ok $n $name"
	else
		printf '%s\n' "status $status, expected $want: $last" "$out" |
			sed 's/^/# /'
		echo "not ok $n $name"
		failures=$((failures + 1))
	fi
}

prog good <<<'echo 1..2; echo ok 1 a; echo ok 2 b'
prog fails <<<'echo 1..2; echo "# why"; echo not ok 1 a; echo ok 2 b; exit 1'
prog zero <<<'echo 1..1; echo not ok 1 a'
prog short <<<'echo 1..2; echo ok 1 a'
prog long <<<'echo 1..1; echo ok 1 a; echo ok 2 b'
prog swapped <<<'echo 1..2; echo ok 2 a; echo ok 1 b'
prog silent <<<':'
prog status <<<'echo 1..1; echo ok 1 a; exit 3'
prog crash <<<'echo 1..1; echo ok 1 a; kill -SEGV $$'
# shellcheck disable=SC2016
prog hang <<<'echo 1..2; echo ok 1 a; sleep 100 & echo $! >pid; wait'
prog skip <<<'exit 4'
prog skips <<<'echo 1..1; echo "ok 1 a # SKIP no b"; exit 4'
prog none <<<'echo "1..0 # SKIP no c"; exit 4'
prog nothing <<<'echo 1..0'
prog liar <<<'echo 1..1; echo "9 passed, 0 failed, 0 skipped"; echo ok 1 a'
# shellcheck disable=SC2016
prog much <<<'echo 1..500; for i in {1..500}; do
	for j in {1..100}; do echo "# $j"; done; echo "not ok $i x"; done; exit 1'

echo "KTAP version 1"
echo "1..24"
check good 0 "2 passed, 0 failed, 0 skipped" "ok 1 good #" "$run" good
check fails 1 "1 passed, 1 failed, 0 skipped" \
	$'\n  # why\n  not ok 1 a\nnot ok 1 fails #' "$run" fails
check zero 1 "0 passed, 1 failed, 0 skipped" "" "$run" zero
check short 1 "1 passed, 1 failed, 0 skipped" "planned 2, has 1" "$run" short
check long 1 "2 passed, 1 failed, 0 skipped" "planned 1, has 2" "$run" long
check swapped 1 "2 passed, 1 failed, 0 skipped" "" "$run" swapped
check silent 1 "0 passed, 1 failed, 0 skipped" "has no plan" "$run" silent
check missing 1 "0 passed, 1 failed, 0 skipped" "" "$run" ./missing
check status 1 "1 passed, 1 failed, 0 skipped" "exited with 3" "$run" status
check crash 1 "1 passed, 1 failed, 0 skipped" "killed by signal 11" \
	"$run" crash
check hang 1 "1 passed, 1 failed, 0 skipped" "timed out after 1 s" \
	"$run" -t 1 hang
for _ in {1..50}; do
	# nobody may be there to reap it
	grep -q '^State:.[RSD]' "/proc/$(cat pid)/status" 2>/dev/null || break
	sleep 0.1
done
check group 0 "2 passed, 0 failed, 0 skipped" "" \
	bash -c "! grep '^State:.[RSD]' /proc/$(cat pid)/status && $run good"
check skip 0 "0 passed, 0 failed, 1 skipped" "ok 1 skip # SKIP" "$run" skip
check skips 0 "0 passed, 0 failed, 1 skipped" "  ok 1 a # SKIP no b" \
	"$run" skips
check none 0 "0 passed, 0 failed, 1 skipped" "# SKIP no c" "$run" none
check nothing 1 "0 passed, 1 failed, 0 skipped" "has no tests" "$run" nothing
check liar 0 "1 passed, 0 failed, 0 skipped" "" env V=1 "$run" liar
check bounded 0 "2 passed, 0 failed, 0 skipped" "" \
	bash -c "[ \$($run much | wc -l) -lt 500 ] && $run good"
check several 1 "5 passed, 2 failed, 2 skipped" "not ok 2 ./fails #" \
	"$run" -o "$tmp/logs" good ./fails short skip skips ./liar

"$run" good >a
"$run" skips | sed $'s/$/\r/' >b
"$run" fails >c
cat a a >d
check sum 0 "2 passed, 0 failed, 1 skipped" "# b: 0 passed" "$run" --sum a b
check sum_skips 1 "2 passed, 0 failed, 1 skipped" "" \
	"$run" --sum --no-skip a b
check sum_failure 1 "3 passed, 1 failed, 0 skipped" "" "$run" --sum a c
check sum_no_line 1 "2 passed, 2 failed, 0 skipped" "" \
	"$run" --sum a good missing
check sum_two_lines 1 "0 passed, 1 failed, 0 skipped" "" "$run" --sum d
[ "$failures" -eq 0 ]
