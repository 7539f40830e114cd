#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls serve" with several threads, while what they share is used and replaced:
# clients of every kind, SIGHUP, new ticket keys, and who reads the counters.
# "make check-tsan" runs it on a build with ThreadSanitizer. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www" "$www/list"
echo page >"$www/index.html"
head -c 300000 /dev/urandom >"$www/some"
threads=4
rounds=4

serve_copy()	# [OPTION]... DIR
{
	cp "$pki/p256.pem" "$dir/cert.pem"
	cp "$pki/p256.key" "$dir/cert.key"
	serve -c "$dir/cert.pem" -k "$dir/cert.key" --threads $threads \
		--metrics 127.0.0.1:0 --access-log "$dir/access" "$@"
	metrics=$(sed -n 's|.*metrics on \(http://.*/metrics\)$|\1|p' "$log")
}

counted()	# NAME: all of its samples together
{
	within curl -sS --noproxy '*' "$metrics" |
		awk -v name="$1" 'index($1, name) == 1 { n += $2 }
			END { print n + 0 }'
}

count_is()	# NAME N
{
	[ "$(counted "$1")" = "$2" ]
}

reloaded()	# N
{
	[ "$(grep -cE ' (not )?reloaded' "$log")" = "$1" ]
}

# One client of each kind, which comes back and may resume; 4 requests a round
client()	# N
{
	local i how=("--tls 1.2 --no-tickets" "--tls 1.2" "--tls 1.3"
		     "--early-data")
	local session=$dir/session$1

	for ((i = 0; i < rounds; i++)); do
		# shellcheck disable=SC2086	# words
		get ${how[$1 % 4]} -o "$dir/some$1" \
			--session-file "$session" /some
		cmp "$dir/some$1" "$www/some"
		is page "$(get --session-file "$session" /)" page
		is list "$(get /list/ | grep -c '<title>')" 1
		is none "$(code /none)" 404
	done
	: >"$dir/done$1"
}

clients()	# N
{
	local n

	pids=()
	for ((n = 0; n < $1; n++)); do
		client "$n" >"$dir/client$n.log" 2>&1 &
		pids+=($!)
		others+=($!)
	done
}

all_done()
{
	local pid

	for pid in "${pids[@]}"; do
		wait "$pid"
	done
}

reloads_meanwhile()
{
	local i name n=8

	"$ktls" ticket-keys "$dir/keys"
	serve_copy --ticket-keys "$dir/keys" --early-data 16384 --list \
		--file-cache 1 "$www"
	clients $n
	for i in {1..8}; do
		name=p$((i % 2 ? 384 : 256))
		cp "$pki/$name.pem" "$dir/cert.pem"
		cp "$pki/$name.key" "$dir/cert.key"
		[ "$i" != 4 ] || "$ktls" ticket-keys "$dir/keys"
		kill -HUP "$server"
		until_true reloaded "$i"
		[ "$(counted ktls_connections_total)" -ge 0 ]
	done
	all_done
	is reloads "$(grep -c ' reloaded$' "$log")" 8
	until_true count_is 'ktls_connections{' 0
	is connections "$(counted ktls_connections_total)" $((n * rounds * 4))
	is handshakes "$(counted ktls_handshakes_total)" $((n * rounds * 4))
	is failures "$(counted ktls_handshake_failures_total)" 0
	is requests "$(counted ktls_requests_total)" $((n * rounds * 4))
	stop_server
	is lines "$(grep -c ' requests=1 ' "$log")" $((n * rounds * 4))
	is "access log" "$(wc -l <"$dir/access")" $((n * rounds * 4))
}

# Keys in another process, tickets for one use, places for fewer than come
shared_by_all()
{
	serve_copy --key-process --single-use-tickets --retry --list \
		--max-conns 6 --max-per-address 1000 "$www"
	clients 8
	all_done
	stop_server
	is lines "$(grep -c ' requests=1 ' "$log")" $((8 * rounds * 4))
}

# The signal comes while they do: what has begun ends well, or never did
drained()
{
	local n

	rounds=1000
	serve_copy --list "$www"
	clients 6
	some_served() { [ "$(counted ktls_requests_total)" -ge 40 ]; }
	until_true some_served
	kill -TERM "$server"
	await_server
	for n in "${pids[@]}"; do
		wait "$n" || continue
		echo "a client went on without a server"
		return 1
	done
	is cut "$(grep -c 'connections cut' "$log")" 0
}

both_engines
run_tests reloads_meanwhile shared_by_all drained
