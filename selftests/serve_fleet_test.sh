#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Servers that share ticket keys and a store: what one has begun another goes
# on with, and a store that is down, hangs or lies costs full handshakes and
# nothing else. Speaks KTAP.

# shellcheck disable=SC2154	# member has set them
# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

www=$tmp/www
mkdir "$www"
echo page >"$www/index.html"
redis=$(command -v redis-server || command -v valkey-server) || {
	echo "1..0 # SKIP neither redis-server nor valkey-server"
	exit 4
}
cli=${redis%-server}-cli
answers=$top/selftests/fleet_lib.py

# ---- the store -------------------------------------------------------------

store()	# [OPTION]...: at $sock
{
	sock=$dir/sock
	"$redis" --port 0 --unixsocket "$sock" --save '' --appendonly no \
		--dir "$dir" "$@" >"$dir/redis.log" 2>&1 &
	redis_pid=$!
	others+=("$redis_pid")
	until_true pings
}

pings()
{
	kill -0 "$redis_pid" 2>/dev/null || return 99
	[[ $(ask PING 2>/dev/null) =~ ^(PONG|NOAUTH) ]]
}

ask()	# COMMAND...
{
	within "$cli" -s "$sock" --no-auth-warning "$@"
}

# (what a key ends with are any bytes)
keys()	# KIND: how many
{
	ask EVAL "return #redis.call('KEYS', 'ktls:$1:*')" 0
}

of_session()	# COMMAND: of the only one
{
	ask --raw EVAL "return redis.call('$1',
		redis.call('KEYS', 'ktls:session:*')[1])" 0
}

# ---- the fleet -------------------------------------------------------------

# Two servers, A and B, with what else the test wants of both
fleet()	# [OPTION]...
{
	"$ktls" ticket-keys "$dir/keys"
	member a "$@"
	member b "$@"
}

member()	# NAME [OPTION]...
{
	local name=$1

	shift
	serve_p256 --metrics 127.0.0.1:0 --ticket-keys "$dir/keys" "$@" "$www"
	declare -g "port_$name=$port" "log_$name=$log" "metrics_$name=$(sed -n \
		's|.*metrics on \(http://.*/metrics\)$|\1|p' "$log")"
	# sessions are of a name and port, whichever server is reached
	url=https://localhost:$port_a
}

# From one of them, with the session in FILE: was it resumed?
visit()	# NAME FILE WANTED [OPTION]...
{
	local port="port_$1" file=$2 wanted=$3

	shift 3
	get -v --connect-to "127.0.0.1:${!port}" --session-file "$file" "$@" \
		/ >"$dir/page" 2>"$dir/get.log"
	is page "$(<"$dir/page")" page
	is resumed "$(grep -c ', resumed' "$dir/get.log" || true)" "$wanted"
}

visits()	# ARGUMENT OF visit...: for until_true
{
	visit "$@" >/dev/null
}

stat_of()	# NAME RESULT: of the store's counters
{
	local metrics="metrics_$1"

	within curl -sS --noproxy '*' "${!metrics}" |
		sed -n "s/^ktls_store_total{result=\"$2\"} //p"
}

total()	# RESULT: of both
{
	echo $(($(stat_of a "$1") + $(stat_of b "$1")))
}

failures()	# of handshakes, of both, by their reason
{
	within curl -sS --noproxy '*' "$metrics_a" "$metrics_b" |
		grep '^ktls_handshake_failures_total' || true
}

# A patient one, for machines that are slow: only what hangs takes so long
patience=(--store-timeout "$((2 * slow))")

# ---- sessions --------------------------------------------------------------

# Of each kind: begun at one, and resumed at the other and back
resumed()
{
	local how

	store
	fleet --store "unix:$sock" "${patience[@]}"
	for how in "--tls 1.2 --no-tickets" "--tls 1.2" "--tls 1.3"; do
		# shellcheck disable=SC2086	# words
		set -- $how
		visit a "$dir/session" 0 "$@"
		visit b "$dir/session" 1 "$@"
		visit a "$dir/session" 1 "$@"
		rm "$dir/session"
		is "sessions kept ($how)" "$(keys session)" 1
	done
	is hits "$(total hit)" 2
	is misses "$(total miss)" 0
	is kept "$(total kept)" 1
	# as long as the session lives, and sealed
	[ "$(of_session TTL)" -gt 7000 ]
	ask FLUSHALL >/dev/null
	visit a "$dir/session" 0 --tls 1.2 --no-tickets
	ask FLUSHALL >/dev/null
	visit b "$dir/session" 0 --tls 1.2 --no-tickets
	is misses "$(stat_of b miss)" 1
	lacks complaints "$(<"$log_a")$(<"$log_b")" 'store:'
}

# Tickets that are names of what the store has: each is good once, wherever
single_use()
{
	store
	fleet --store "unix:$sock" --single-use-tickets --tickets 1 \
		"${patience[@]}"
	visit a "$dir/session" 0
	is kept "$(keys session)" 1
	cp "$dir/session" "$dir/copy"
	cp "$dir/session" "$dir/copy2"
	visit b "$dir/session" 1
	visit a "$dir/copy" 0
	visit b "$dir/copy2" 0
	visit a "$dir/session" 1
	is misses "$(total miss)" 2
}

# By a name, with a password, and with no more rights than the manual says
by_tcp()
{
	local n tcp

	for n in {1..20}; do
		tcp=$(python3 "$answers" port)
		store --port "$tcp" --bind 127.0.0.1 >"$dir/out" 2>&1 && break
	done
	pings		# the port was not somebody else's by then
	ask ACL SETUSER www on '>secret' '~ktls:*' -@all +get +set +getdel \
		+del +info >/dev/null
	ask CONFIG SET requirepass other >/dev/null
	(umask 077; printf 'www\nsecret\n' >"$dir/auth")
	fleet --store "redis://localhost:$tcp" --store-auth "$dir/auth" \
		--single-use-tickets --early-data 4096 "${patience[@]}"
	visit a "$dir/session" 0 --tls 1.2 --no-tickets
	visit b "$dir/session" 1 --tls 1.2 --no-tickets
	visit a "$dir/session3" 0
	visit b "$dir/session3" 1
	is errors "$(total error)" 0
	lacks log "$(<"$log_a")$(<"$log_b")" 'store:|secret'
	# the password alone
	echo other >"$dir/auth"
	member c --store "redis://127.0.0.1:$tcp" --store-auth "$dir/auth" \
		"${patience[@]}"
	visit c "$dir/session" 1 --tls 1.2 --no-tickets
	# and a wrong one
	echo wrong >"$dir/auth"
	member d --store "redis://127.0.0.1:$tcp" --store-auth "$dir/auth" \
		"${patience[@]}"
	visit d "$dir/session" 0 --tls 1.2 --no-tickets
	has why "$(<"$log_d")" 'store: down.*WRONGPASS'
}

# Its socket is for others
shut_door()
{
	local as=()

	store
	chmod 0 "$sock"
	# as whoever may do less than root
	[ "$(id -u)" != 0 ] || as=(setpriv --bounding-set=-all --inh-caps=-all)
	"$ktls" ticket-keys "$dir/keys"
	ktls="$dir/lesser"
	printf '#!/bin/sh\nexec %s "$@"\n' "${as[*]} $build/ktls" >"$ktls"
	chmod +x "$ktls"
	member a --store "unix:$sock" "${patience[@]}"
	ktls=$build/ktls
	visit a "$dir/session" 0 --tls 1.2 --no-tickets
	has why "$(<"$log_a")" 'store: down.*: "Permission denied"$'
}

# One that does not know AUTH, and says of what
repeats_password()
{
	python3 "$answers" tell "$dir/store" 100 &
	others+=($!)
	until_true test -S "$dir/store"
	(umask 077; echo secret >"$dir/auth")
	"$ktls" ticket-keys "$dir/keys"
	member a --store "unix:$dir/store" --store-auth "$dir/auth" \
		--early-data 4096 "${patience[@]}"
	visit a "$dir/session" 0
	visit a "$dir/session" 1 --early-data
	has why "$(<"$log_a")" 'store: down.*"AUTH: ERR"'
	lacks password "$(<"$log_a")" 'secret|refuses'
}

# ---- keys ------------------------------------------------------------------

rotate()	# N: the servers have taken it N times
{
	python3 "$answers" rotate "$dir/keys"
	for log in "$log_a" "$log_b"; do
		until_true eval \
			"[ \"\$(grep -c ' new ticket keys' '$log')\" = $1 ]"
	done
}

# Two changes of the key: what it sealed opens after the first
rotated()
{
	local old new

	store
	fleet --store "unix:$sock" "${patience[@]}"
	for kind in "--tls 1.2 --no-tickets" "--tls 1.2" "--tls 1.3"; do
		for n in 1 2; do
			# shellcheck disable=SC2086
			visit a "$dir/${kind//[^a-z0-9]/}$n" 0 $kind
		done
	done
	old=$(tail -c +70 "$dir/keys" | head -c 16 | od -An -tx1)
	rotate 1
	new=$(tail -c +70 "$dir/keys" | head -c 16 | od -An -tx1)
	[ "$old" != "$new" ]
	for kind in "--tls 1.2 --no-tickets" "--tls 1.2" "--tls 1.3"; do
		# shellcheck disable=SC2086
		visit b "$dir/${kind//[^a-z0-9]/}1" 1 $kind
	done
	rotate 2
	for kind in "--tls 1.2 --no-tickets" "--tls 1.2" "--tls 1.3"; do
		# shellcheck disable=SC2086
		visit b "$dir/${kind//[^a-z0-9]/}2" 0 $kind
	done
	# tickets have been renewed meanwhile; an id is what it is
	visit a "$dir/tls121" 1 --tls 1.2
	visit a "$dir/tls131" 1 --tls 1.3
	visit a "$dir/tls12notickets1" 0 --tls 1.2 --no-tickets
	is failures "$(failures)" ""
}

# ---- early data ------------------------------------------------------------

early()	# NAME FILE ACCEPTED
{
	visit "$1" "$2" 1 --early-data
	is early "$(grep -c 'went with the hello' "$dir/get.log" || true)" "$3"
}

uptime_above()	# SECONDS
{
	[ "$(ask INFO server | sed -n 's/^uptime_in_seconds:\([0-9]*\).*/\1/p'
	    )" -gt "$1" ]
}

# One hello, sent to both, at a time and one after the other: one takes it
early_data()
{
	store
	fleet --store "unix:$sock" --early-data 4096 "${patience[@]}"
	visit a "$dir/session" 0
	# a store that may have forgotten: resumed, and the request sent again
	early a "$dir/session" 0
	early b "$dir/session" 0
	is young "$(total young)" 2
	until_true uptime_above 33
	early b "$dir/session" 1
	early a "$dir/session" 1
	is first "$(total first)" 2
	is hellos "$(keys hello)" 2
	python3 "$answers" record "$dir/flight" "$port_b" >"$dir/at" &
	others+=($!)
	until_true grep -q . "$dir/at"
	declare -g "port_r=$(<"$dir/at")"
	cp "$dir/session" "$dir/copy"
	early r "$dir/session" 1
	for n in 1 2; do
		python3 "$answers" replay "$dir/flight" "$port_b" "$port_a"
	done
	is first "$(total first)" 3
	is seen "$(total seen)" 4
	# the first time, and all at once
	rm "$dir/flight"
	python3 "$answers" record "$dir/flight" "" >"$dir/at2" &
	others+=($!)
	until_true grep -q . "$dir/at2"
	get --connect-to "127.0.0.1:$(<"$dir/at2")" --early-data \
		--session-file "$dir/session" / >"$dir/page" 2>&1 || true
	until_true test -s "$dir/flight"
	python3 "$answers" replay "$dir/flight" \
		"$port_a" "$port_b" "$port_a" "$port_b" "$port_a" "$port_b" \
		"$port_a" "$port_b" "$port_a" "$port_b" "$port_a" "$port_b"
	is first "$(total first)" 4
	is seen "$(total seen)" 15
	# started again: it knows nothing, and is not believed
	kill -KILL "$redis_pid"
	wait "$redis_pid" || true
	python3 "$answers" replay "$dir/flight" "$port_a" "$port_b"
	is first "$(total first)" 4
	store
	until_true visits a "$dir/id" 1 --tls 1.2 --no-tickets
	early a "$dir/copy" 0
	is young "$(total young)" 3
	until_true visits b "$dir/id" 1 --tls 1.2 --no-tickets
	python3 "$answers" replay "$dir/flight" "$port_a" "$port_b"
	is first "$(total first)" 4
	is "handshakes of get" "$(failures | grep -v CLOSED)" ""
}

# It counts seconds by two clocks: one more than it says may not be over
age()
{
	local says

	"$ktls" ticket-keys "$dir/keys"
	for says in 31 32; do
		python3 "$answers" tell "$dir/store$says" "$says" &
		others+=($!)
		until_true test -S "$dir/store$says"
		member a --store "unix:$dir/store$says" --early-data 4096 \
			"${patience[@]}"
		visit a "$dir/session$says" 0
		early a "$dir/session$says" $((says - 31))
		is young "$(stat_of a young)" $((32 - says))
	done
}

# ---- stores that fail ------------------------------------------------------

# Visits that never end, four at a time, each of which has to be served
load()
{
	local n

	loaders=()
	for n in 1 2 3 4; do
		while [ ! -e "$dir/stop" ]; do
			url=https://localhost:$port_a \
			get --session-file "$dir/load$n" --tls 1.2 --no-tickets \
				/ >"$dir/load$n.page" 2>"$dir/load$n.log" ||
				echo failed >>"$dir/failed"
			echo >>"$dir/served"
		done &
		loaders+=($!)
		others+=($!)
	done
}

served()	# N: more than before
{
	local from

	from=$(wc -l <"$dir/served")
	until_true eval "[ \"\$(wc -l <'$dir/served')\" -ge $((from + $1)) ]"
}

unload()
{
	touch "$dir/stop"
	wait "${loaders[@]}"
	is "visits that failed" "$(cat "$dir/failed" 2>/dev/null)" ""
	is failures "$(failures)" ""
}

killed()
{
	store
	fleet --store "unix:$sock" "${patience[@]}"
	: >"$dir/served"
	load
	served 20
	[ "$(stat_of a hit)" -gt 0 ]
	kill -KILL "$redis_pid"
	served 40
	wait "$redis_pid" 2>/dev/null || true
	[ "$(stat_of a error)" -gt 0 ]
	[ "$(stat_of a skipped)" -gt "$(stat_of a error)" ]
	has down "$(<"$log_a")" 'store: down'
	store
	until_true grep -q 'store: answers again' "$log_a"
	served 20
	unload
	visit a "$dir/session" 0 --tls 1.2 --no-tickets
	visit b "$dir/session" 1 --tls 1.2 --no-tickets
	# it is said once
	is said "$(grep -c 'store: down' "$log_a")" 1
}

# A store that takes connections and says nothing: one waits now and then
hangs()
{
	local waits

	store
	fleet --store "unix:$sock" --store-timeout 0.5 --threads 4
	: >"$dir/served"
	load
	served 20
	kill -STOP "$redis_pid"
	served 100
	waits=$(stat_of a timeout)
	echo "$waits waited, $(stat_of a skipped) did not"
	[ "$waits" -gt 0 ]
	[ "$(stat_of a skipped)" -gt $((2 * waits)) ]
	kill -CONT "$redis_pid"
	until_true grep -q 'store: answers again' "$log_a"
	served 20
	unload
	until_true visits b "$dir/session" 1 --tls 1.2 --no-tickets
}

# From the first moment on
never_there()
{
	sock=$dir/sock
	fleet --store "unix:$sock" --early-data 4096 --single-use-tickets \
		"${patience[@]}"
	visit a "$dir/session" 0 --tls 1.2 --no-tickets
	visit a "$dir/session" 0 --tls 1.2 --no-tickets
	visit a "$dir/session3" 0
	visit b "$dir/session3" 0 --early-data
	is failures "$(failures)" ""
	store
	until_true visits a "$dir/session" 1 --tls 1.2 --no-tickets
}

# ---- stores that lie -------------------------------------------------------

# Somebody else writes to it
values()
{
	local n=0 value

	store
	fleet --store "unix:$sock" "${patience[@]}"
	visit a "$dir/other" 0 --tls 1.2 --no-tickets
	of_session GET | head -c -1 >"$dir/another"
	ask FLUSHALL >/dev/null
	while true; do
		rm -f "$dir/session"
		visit a "$dir/session" 0 --tls 1.2 --no-tickets
		is sessions "$(keys session)" 1
		# by a script, as the key has any bytes
		case $((n++)) in
		0) value="''" ;;
		1) value="'x'" ;;
		2) value="string.rep('x', 300)" ;;
		3) value="string.rep('x', 1024)" ;;
		4) value="string.rep('x', 1025)" ;;
		5) value="string.rep('x', 4096)" ;;
		6) value="string.rep('x', 5000)" ;;
		7) value="string.rep('x', 50000000)" ;;
		8) value="string.sub(v, 1, -2)" ;;
		9) value="v .. 'x'" ;;
		10) value="string.sub(v, 1, -2) .. string.char((string.byte(v, -1) + 1) % 256)" ;;
		11) value="string.rep('\\\\0', #v)" ;;
		12) value="nil" ;;
		13) value="another" ;;
		14) break ;;
		esac
		ask -x EVAL "local k = redis.call('KEYS', 'ktls:session:*')[1]
			local v = redis.call('GET', k)
			local another = ARGV[1]
			local new = $value
			redis.call('DEL', k)
			if new then redis.call('SET', k, new)
			else redis.call('LPUSH', k, 'x') end" 0 \
			<"$dir/another" >"$dir/eval.log"
		lacks script "$(<"$dir/eval.log")" ERR
		# too long for us is as a store that is down: until it is not
		until_true visits b "$dir/session" 0 --tls 1.2 --no-tickets
		until_true works
		ask FLUSHALL >/dev/null
	done
	is failures "$(failures)" ""
}

works()
{
	rm -f "$dir/probe"
	visit b "$dir/probe" 0 --tls 1.2 --no-tickets &&
		visit b "$dir/probe" 1 --tls 1.2 --no-tickets
}

# It is none at all, but something that sends what it likes
liars()
{
	local n

	"$ktls" ticket-keys "$dir/keys"
	python3 "$answers" lie "$dir/sock" >"$dir/lies" 2>"$dir/lies.log" &
	others+=($!)
	until_true test -S "$dir/sock"
	member a --store "unix:$dir/sock" --store-timeout 0.2 --early-data 4096
	# as many as it has lies, of which each is told to one of them
	for n in {1..16}; do
		until_true heard "$n"
	done
	is failures "$(metrics_b=$metrics_a failures)" ""
}

heard()	# N
{
	visit a "$dir/session" 0 --tls 1.2 --no-tickets
	[ "$(wc -l <"$dir/lies")" -ge "$1" ]
}

# ---- the command line ------------------------------------------------------

options()
{
	local url

	"$ktls" ticket-keys "$dir/keys"
	for url in localhost:1 redis://u@localhost redis://localhost/1 redis:// \
		   http://localhost unix:sock "unix:/$(printf '%0120d' 0)"; do
		ends 1 "$ktls" serve --ticket-keys "$dir/keys" --store "$url" \
			"$www"
		has "$url" "$out" "^ktls serve: --store"
	done
	ends 1 "$ktls" serve --store redis://localhost "$www"
	has keys "$out" 'needs --ticket-keys'
	ends 1 "$ktls" serve --ticket-keys "$dir/keys" --store-timeout 1 "$www"
	has store "$out" 'need --store'
	set -- --ticket-keys "$dir/keys" --store redis://localhost --store-auth
	ends 1 "$ktls" serve "$@" "$dir/none" "$www"
	has none "$out" 'none: No such file'
	echo secret >"$dir/auth"
	chmod 604 "$dir/auth"
	ends 1 "$ktls" serve "$@" "$dir/auth" "$www"
	has mode "$out" 'others than its owner'
	chmod 600 "$dir/auth"
	for url in '' '\n' 'a\n\n' 'a\nb\nc\n'; do
		# shellcheck disable=SC2059	# a format
		printf "$url" >"$dir/auth"
		ends 1 "$ktls" serve "$@" "$dir/auth" "$www"
		has "auth $url" "$out" 'neither a password'
	done
	for url in 'secret\0more\n' 'www\nsecret\0\n' '\0'; do
		# shellcheck disable=SC2059	# a format
		printf "$url" >"$dir/auth"
		ends 1 "$ktls" serve "$@" "$dir/auth" "$www"
		has "auth $url" "$out" "auth $dir/auth: a NUL in it\$"
	done
}

run_tests resumed single_use by_tcp shut_door repeats_password rotated \
	early_data age killed hangs never_there values liars options
