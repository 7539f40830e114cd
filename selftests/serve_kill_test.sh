#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Killed in the midst of it: clients, under load, leave nothing in the server,
# and a server leaves nothing in the way of the next. On each engine. Speaks
# KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www clients=8
mkdir "$www"
truncate -s 1G "$www/huge"
head -c 100000 /dev/urandom >"$www/some"

serve_by()	# ENGINE OPTION...
{
	serve_p256 --engine "$1" --threads 1 --file-cache 0 "${@:2}" "$www"
}

descriptors()	# of the server
{
	find "/proc/$server/fd" -mindepth 1 | wc -l
}

as_before()
{
	[ "$(descriptors)" -le "$before" ]
}

# Clients that take a lot, and one that takes nothing of it
load()
{
	local i

	rm -f "$dir/stalled"
	mkfifo "$dir/stalled"
	for i in $(seq "$clients"); do
		"$ktls" get --cafile "$pki/ca.pem" -o /dev/null "$url/huge" \
			2>/dev/null &
		others+=("$!")
	done
	"$ktls" get --cafile "$pki/ca.pem" "$url/huge" 2>/dev/null \
		1<>"$dir/stalled" &
	others+=("$!")
}

# All of them: a socket, and a file that is being sent; without a cache of files
# each has its own, so that it can be seen
loaded()
{
	[ "$(descriptors)" -ge $((before + 2 * (clients + 1))) ]
}

kill_clients()
{
	# those of a dead server have ended by themselves
	kill -KILL "${others[@]}" 2>/dev/null || :
	wait "${others[@]}" 2>/dev/null || :
	others=()
}

serves()
{
	is "another request" "$(web /some | sum)" "$(sum "$www/some")"
}

client()	# ENGINE
{
	local i

	serve_by "$1"
	serves
	before=$(descriptors)
	for i in 1 2 3; do
		load
		until_true loaded
		kill_clients
		until_true as_before
	done
	serves
	stop_server
	is "lines in the log" "$(grep -c 'requests=' "$log")" \
		$((2 + 3 * (clients + 1)))
}

# A ring lets go of its sockets a moment after its process has ended
let_go()	# PORT
{
	[ -z "$(ss -Hltn "sport = :$1")" ]
}

server()	# ENGINE
{
	local i at

	serve_by "$1"
	at=$port
	for i in 1 2 3; do
		before=$(descriptors)
		load
		until_true loaded
		kill -KILL "$server"
		wait "$server" 2>/dev/null || :
		unset "servers[-1]"
		# at the same place
		until_true let_go "$at"
		serve_by "$1" -l "127.0.0.1:$at"
		url=https://localhost:$at
		serves
		# they have noticed
		within tail --pid="${others[0]}" -f /dev/null
		kill_clients
	done
}

for engine in epoll uring; do
	eval "client_$engine() { client $engine; }"
	eval "server_$engine() { server $engine; }"
	tests+=("client_$engine" "server_$engine")
done
run_tests "${tests[@]}"
