#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls serve" with thousands of connections at once, and what is left of them
# in its memory when they are gone. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

limit=$((120 * slow))
# freed memory is to be seen as such
export ASAN_OPTIONS=quarantine_size_mb=1:${ASAN_OPTIONS-}

www=$tmp/www
mkdir "$www"
echo page >"$www/index.html"

# each end has a descriptor of each, and the server keeps one free for a file,
# and some for files that nobody is being sent just now
spare=600
count=10000
[[ $build != *-san && $slow = 1 ]] || count=1200	# for the sake of time
count=${KTLS_TEST_CROWD:-$count}
ulimit -n $((2 * count + spare)) 2>/dev/null || ulimit -n "$(ulimit -Hn)"
[ "$(ulimit -n)" = unlimited ] ||
	[ "$(ulimit -n)" -ge $((2 * count + spare)) ] ||
	count=$((($(ulimit -n) - spare) / 2))

resident()	# KiB that the server has
{
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/$server/status"
}

has_files()	# N: descriptors open in the server
{
	[ "$(find "/proc/$server/fd" -mindepth 1 | grep -c .)" = "$1" ]
}

# They come, are served, are there together, and go
crowd()
{
	local idle line pid

	idle=$(find "/proc/$server/fd" -mindepth 1 | grep -c .)
	rm -f "$dir/in" "$dir/said"
	mkfifo "$dir/in" "$dir/said"
	within "$build/selftests/crowd" "$pki/ca.pem" "$port" "$count" \
		<"$dir/in" >"$dir/said" 2>"$dir/crowd.log" &
	pid=$!
	others+=("$pid")
	exec 7>"$dir/in" 8<"$dir/said"
	IFS= read -r -t "$limit" line <&8 || true
	is "what the crowd says" "$line" "holding $count"
	has_files $((idle + count))
	held=$(resident)
	exec 7>&- 8<&-
	wait "$pid"
	until_true has_files "$idle"
}

held_together()
{
	local before first second each

	serve_p256 --threads 1 --max-conns $((count + 10)) \
		--timeout "$limit" --idle-timeout "$limit" "$www"
	is page "$(get /)" page
	# what is there once for all, such as the ring's buffers, is used by then
	within "$build/selftests/crowd" "$pki/ca.pem" "$port" 130 </dev/null \
		>"$dir/said130"
	before=$(resident)
	crowd
	each=$(((held - before) * 1024 / count))
	first=$(resident)
	is page "$(get /)" page
	crowd
	second=$(resident)
	is page "$(get /)" page
	echo "$count connections: $before KiB before, $held with them," \
		"$first and $second after, $each bytes each" |
		sed "s/^/# $engine: /" >&9
	# what is promised, where user space does not hold their records
	[[ $build = *-san ]] || ! has_ktls || [ "$each" -le 900 ]
	# the same again takes no more than it left
	[ "$second" -le $((first + first / 10 + 2048)) ]
	stop_server
	is logged "$(grep -c ' requests=1 .*end="closed by peer' "$log")" \
		$((2 * count + 130))
}

# figures are told, too, if all is well
exec 9>&1
both_engines
run_tests held_together
