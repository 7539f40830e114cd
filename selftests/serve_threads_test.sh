#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls serve" with several threads: each of them serves, and what they have in
# common (the limit of connections, signals, the key process) holds for all.
# Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"
echo page >"$www/index.html"
truncate -s 64M "$www/big"
threads=4

logged()	# REGEX: sooner or later
{
	until_true grep -qE -- "$1" "$log"
}

tasks()
{
	find "/proc/$server/task" -mindepth 1 -maxdepth 1 | grep -c .
}

listening()	# sockets at the port
{
	ss -Hltn "sport = :$port" | grep -c .
}

# The threads but the first: how often each has run, a line each
runs()
{
	local task

	for task in "/proc/$server/task"/*; do
		[ "${task##*/}" = "$server" ] ||
			awk -v task="${task##*/}" \
				'/^voluntary_ctxt/ { print task, $2 }' \
				"$task/status"
	done
}

# None has run since it was asked for the last time, so all have begun
at_rest()
{
	local last=${rest-}

	rest=$(runs)
	[ "$rest" = "$last" ]
}

# How many threads have run more than $1 times since all were at rest: some of
# the connections were given to the socket of each
busy_threads()
{
	awk -v more="$1" 'NR == FNR { had[$1] = $2; next }
		$2 - had[$1] > more { n++ }
		END { print n + 0 }' <(echo "$rest") <(runs)
}

# Connections are spread by a hash: of 40 for 4, none without is no chance
all_serve()
{
	local n

	serve_p256 --threads $threads "$www"
	is sockets "$(listening)" $threads
	[ "$(tasks)" -ge $threads ]	# and the one above them
	until_true at_rest
	is "before" "$(busy_threads 5)" 0
	for n in {1..40}; do
		is "page $n" "$(get /)" page
	done
	is "that served" "$(busy_threads 5)" $threads
	stop_server
	is connections "$(grep -c ' requests=1 .*end="closed by' "$log")" 40
}

one()
{
	serve_p256 --threads 1 "$www"
	is sockets "$(listening)" 1
	is page "$(get /)" page
	ends 1 "$ktls" serve --threads 0 "$www"
	has usage "$out" 'not a number from 1 to'
	ends 1 "$ktls" serve --threads x "$www"
	has usage "$out" "Try 'ktls serve --help'"
	stop_server
	# nobody else gets the address, not even another one that shares it
	serve_p256 --threads $threads "$www"
	ends 1 "$ktls" serve --threads $threads -l "127.0.0.1:$port" "$www"
	has port "$out" 'Address already in use'
}

# The limit is that of all together: a place that one gives back, another gets
limited()
{
	local n pids=()

	serve_p256 --threads $threads --max-conns 3 "$www"
	for n in {1..24}; do
		get / >"$dir/page$n" &
		pids+=($!)
	done
	wait "${pids[@]}"
	is pages "$(cat "$dir"/page* | sort | uniq -c | xargs)" "24 page"
	stop_server
	is connections "$(grep -c ' requests=1 ' "$log")" 24
}

with_key_process()
{
	local n pids=()

	serve_p256 --threads $threads --key-process "$www"
	for n in {1..24}; do
		get / >"$dir/page$n" &
		pids+=($!)
	done
	wait "${pids[@]}"
	is pages "$(cat "$dir"/page* | sort | uniq -c | xargs)" "24 page"
}

# Several bodies on their way at a signal: all come whole
drained()
{
	local n fds=() pids=()

	serve_p256 --threads $threads "$www"
	for n in {1..8}; do
		mkfifo "$dir/pipe$n"
		web /big >"$dir/pipe$n" 2>"$dir/curl$n.log" &
		pids+=($!)
		exec {fd}<"$dir/pipe$n"
		fds+=("$fd")
		head -c 1000 <&"$fd" >"$dir/got$n"
	done
	kill -TERM "$server"
	logged ' draining: 8 connections$'
	ends 2 "$ktls" get --insecure "$url/"
	for n in {1..8}; do
		fd=${fds[n - 1]}
		cat <&"$fd" >>"$dir/got$n" &
		pids+=($!)
		exec {fd}<&-
	done
	wait "${pids[@]}"
	await_server
	for n in {1..8}; do
		cmp "$dir/got$n" "$www/big"
	done
	is "ended well" "$(grep -c ' requests=1 .*end="closed by us"' "$log")" 8
	is "said once" "$(grep -c draining: "$log")" 1
}

# The second signal reaches all of them, at once
cut()
{
	local n fd

	serve_p256 --threads $threads --drain-timeout 600 "$www"
	for n in {1..8}; do
		mkfifo "$dir/pipe$n"
		web /big >"$dir/pipe$n" 2>"$dir/curl$n.log" &
		others+=($!)
		exec {fd}<"$dir/pipe$n"
		head -c 1000 <&"$fd" >"$dir/got$n"
	done
	kill -INT "$server"
	logged draining:
	kill -TERM "$server"
	await_server
	logged ' 8 connections cut$'
	is "lines" "$(grep -c ' requests=1 .*end=cut$' "$log")" 8
}

both_engines
run_tests all_serve one limited with_key_process drained cut
