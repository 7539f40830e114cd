#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls serve" among clients that cost: hundreds who say nothing, or stop in
# their hello, or behind it, and such that reset their connections. It goes on
# answering, what they hold is bounded, and is given back. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"
echo page >"$www/index.html"
each=50

cat >"$tmp/flood.py" <<'END'
# flood.py PORT EACH HOW: as many connections of each kind; "hold" has them
# until the end of stdin, "reset" resets each of them at once.
import socket, ssl, struct, sys

port, each, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

def hello():
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out,
                         server_hostname='localhost').do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()

held, first = [], hello()
for i in range(each):
    for cut in 0, 3, 100, None:
        s = socket.create_connection(('127.0.0.1', port))
        s.sendall(first[:cut])
        if how == 'reset':
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         struct.pack('ii', 1, 0))
            s.close()
        else:
            held.append(s)
print('there', flush=True)
sys.stdin.read()
END

fds()
{
	find "/proc/$server/fd" -mindepth 1 | grep -c .
}

fds_are()	# N
{
	[ "$(fds)" -le "$1" ]
}

rss()	# KiB
{
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$server/status"
}

flood()	# HOW
{
	mkfifo "$dir/hold" "$dir/said"
	within python3 "$tmp/flood.py" "$port" "$each" "$1" \
		<"$dir/hold" >"$dir/said" &
	others+=($!)
	exec 7>"$dir/hold"
	read -r -t "$limit" _ <"$dir/said"
}

warm()
{
	local n

	for n in {1..8}; do
		is "page $n" "$(get /)" page
	done
}

# Those who stay silent: others are served meanwhile, and then they are gone
silent()
{
	local before had grown each_kib

	serve_p256 --threads 2 --timeout $((8 * slow)) --max-conns 1000 "$www"
	warm
	before=$(fds) had=$(rss)
	flood hold
	# sooner than their time is over
	is "page meanwhile" "$(get --timeout $((5 * slow)) /)" page
	grown=$(($(rss) - had))
	echo "$((4 * each)) connections: $grown KiB"
	# for each: what a handshake may take, and what libcrypto does; a
	# sanitizer keeps what is freed
	[[ $build == *-san ]] && each_kib=1024 || each_kib=64
	[ "$grown" -le $((4 * each * each_kib)) ]
	until_true fds_are "$before"
	exec 7>&-
	is after "$(get /)" page
}

# No place is left: who waits has one when their time is over
no_place()
{
	each=25
	serve_p256 --threads 2 --timeout $((3 * slow)) --max-conns 50 "$www"
	warm
	flood hold
	is "page at last" "$(get /)" page
	exec 7>&-
}

cpu()	# centiseconds
{
	awk '{ print $14 + $15 }' "/proc/$server/stat"
}

answers()
{
	[ "$(get --timeout $((20 * slow)) /)" = page ]
}

# No descriptor is left, as the limit that it began with was lowered: the
# listener stays readable, and nobody turns in it
no_descriptors()
{
	local before used

	each=15
	serve_p256 --threads 2 --timeout $((3 * slow)) "$www"
	warm
	before=$(fds) used=$(cpu)
	prlimit --pid "$server" --nofile=$((before + 20)):
	flood hold
	# when the time of others is over
	until_true answers
	used=$(($(cpu) - used))
	# (a request of the ring has the limit of when it was made)
	[ "$engine" = uring ] ||
		has log "$(<"$log")" 'accept: Too many open files; waiting'
	echo "CPU: $used cs"
	[ "$used" -lt $((100 * slow)) ]
	exec 7>&-
	until_true fds_are "$before"
	is after "$(get /)" page
}

resets()
{
	local before

	serve_p256 --threads 2 "$www"
	warm
	before=$(fds)
	flood reset
	exec 7>&-
	until_true fds_are "$before"
	is after "$(get /)" page
	# whom nothing could be told any more
	has log "$(<"$log")" 'reason="Connection reset by peer"$'
	lacks alert "$(<"$log")" 'reason="(Connection reset|Broken pipe).*alert='
}

both_engines
run_tests silent no_place no_descriptors resets
