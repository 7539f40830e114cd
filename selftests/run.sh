#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs test programs that speak KTAP, and says at the end, in one line,
#
#	N passed, N failed, N skipped
#
# counting subtests.  A program adds a failure of its own if it ends with
# anything but 0 or 4 although no subtest failed, if its time is over, or if
# its plan and its results differ.  Exit status: 0, or 1 if anything failed.
#
#	run.sh [-o DIR] [-t SECS] PROG...
#
# -o: where the programs' whole output goes (build/selftests/log); -t: seconds
# for each program (600, times $KTLS_TEST_SLOW).  Of the subtests, those that
# failed or were skipped are printed; all are with V=1.
#
#	run.sh --sum [--no-skip] FILE...
#
# adds up the closing lines of the logs of several runs.  A log without just
# one is a failure, and with --no-skip the exit status is 1 if any test was
# skipped.

set -u

closing='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
passed=0 failed=0 skipped=0

usage()
{
	echo "usage: $0 [-o DIR] [-t SECS] PROG..." >&2
	echo "       $0 --sum [--no-skip] FILE..." >&2
	exit 2
}

# Prints the closing line; what comes after it is the exit status only.
close_run()
{
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] && [ "$((passed + skipped))" -gt 0 ]
}

add()
{
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

sum_up()
{
	local no_skip=0 file line p f s

	if [ "${1-}" = --no-skip ]; then
		no_skip=1
		shift
	fi
	[ $# -gt 0 ] || usage
	for file; do
		# the log of a console has carriage returns
		line=$(tr -d '\r' <"$file" | grep -aE "$closing")
		if ! [[ $line =~ $closing ]]; then
			echo "# $file: not one closing line"
			add 0 1 0
			continue
		fi
		echo "# $file: $line"
		read -r p _ f _ s _ <<<"${line//,/}"
		add "$p" "$f" "$s"
	done
	close_run || exit 1
	[ "$no_skip" -eq 0 ] || [ "$skipped" -eq 0 ]
}

# digest LOG STATUS SECS: prints a program's output, indented, or what is worth
# it, and last "passed failed skipped problem".
digest()
{
	awk -v all="${V:-0}" -v status="$2" -v secs="$3" -v time="$limit" \
	    -v log_file="$1" -v limit=20 '
	function show(line) { if (all != 1) print "  " line }
	function flush_notes(  i) {
		for (i = 0; i < nnotes; i++) {
			if (nnotes > 2 * limit && i == limit) {
				i = nnotes - limit
				show("# [" i - limit " lines left out]")
			}
			show(notes[i])
		}
	}
	all == 1 { print "  " $0 }
	/^1\.\.[0-9]+/ {
		plans++
		plan = substr($1, 4) + 0
		if (plan == 0 && /# SKIP/) {
			skipped++
			show($0)
		}
	}
	/^(not )?ok( |$)/ {
		number = $1 == "ok" ? $2 : $3
		if (number != ++results)
			disorder = 1
		if ($1 == "not" && ++failed <= limit) {
			if (failed <= limit / 2)
				flush_notes()
			show($0)
		} else if ($1 == "ok" && !/ # [Ss][Kk][Ii][Pp]/) {
			passed++
		} else if ($1 == "ok" && ++skipped <= limit) {
			show($0)
		}
	}
	# what precedes a result belongs to it
	/^(not )?ok( |$)/ || /^(KTAP|TAP|1\.\.)/ { nnotes = 0; next }
	{ notes[nnotes++] = $0 }
	END {
		over = (status == 124 || status == 137) && secs + 1 >= time
		if (over)
			problem = "timed out after " time " s"
		else if (status == 4 && !plans && !results)
			skipped++
		else if (plans != 1)
			problem = "has no plan"
		else if (plan != results || disorder)
			problem = "planned " plan ", has " results " results"
		else if (plan == 0 && !skipped)
			problem = "has no tests"
		if (status > 128 && !over)
			problem = "killed by signal " status - 128
		else if (status && status != 4 && !failed && !over)
			problem = "exited with " status
		if (problem)
			flush_notes()
		if (failed > limit)
			show("# [" failed - limit " more failed: " log_file "]")
		if (skipped > limit)
			show("# [" skipped - limit " more skipped: " log_file "]")
		print passed + 0, failed + !!problem, skipped + 0, problem
	}' "$1"
}

# One program: its number, its name.
run_prog()
{
	local n=$1 prog=$2 log status start secs out sum line p f s problem verdict=ok

	log=$dir/$(basename "$prog").log
	[ -z "${logs[$log]-}" ] || log=${log%.log}-$n.log
	logs[$log]=1
	[[ $prog == */* ]] || prog=./$prog

	start=$SECONDS
	timeout -k 10 "$limit" "$prog" </dev/null >"$log" 2>&1 &
	child=$!
	{ wait "$child"; } 2>/dev/null
	status=$?
	child=
	secs=$((SECONDS - start))

	out=$(digest "$log" "$status" "$secs")
	sum=${out##*$'\n'}
	printf '%s' "${out%"$sum"}"
	read -r p f s problem <<<"$sum"
	add "$p" "$f" "$s"
	[ "$f" -eq 0 ] || verdict='not ok'
	line="$p passed, $f failed, $s skipped, $secs s"
	[ "$((p + f))" -gt 0 ] || line="SKIP $line"
	echo "$verdict $n $2 # $line${problem:+, $problem}"
}

interrupted()
{
	[ -z "$child" ] || kill "$child"
	echo "Bail out! interrupted"
	exit 1
}

if [ "${1-}" = --sum ]; then
	shift
	sum_up "$@"
	exit
fi

dir=build/selftests/log
limit=600
child=
declare -A logs=()
while getopts o:t: opt; do
	case $opt in
	o) dir=$OPTARG ;;
	t) limit=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage
limit=$(awk -v s="${KTLS_TEST_SLOW:-1}" -v t="$limit" 'BEGIN { print s * t }')
[ "$limit" != 0 ] || usage
mkdir -p "$dir" || exit 1
trap interrupted HUP INT TERM

echo "KTAP version 1"
echo "1..$#"
n=0
for prog; do
	run_prog $((++n)) "$prog"
done
close_run
