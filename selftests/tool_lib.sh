# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the shell tests share. Each test is a function that runs in a shell of
# its own under "set -e", in an empty folder $dir; what it prints is shown if
# it fails. The file ends with
#
#	run_tests FUNCTION...
#
# after "both_engines", if each is to be run with each engine of the server:
# those in $KTLS_TEST_ENGINES.
#
# $KTLS_TEST_BUILD: the build tested (build); $KTLS_TEST_SLOW: by how much all
# times are longer.

set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/${KTLS_TEST_BUILD:-build}
# shellcheck disable=SC2034	# for those who use it
ktls=$build/ktls pki=$build/selftests/pki
slow=${KTLS_TEST_SLOW:-1}
limit=$((60 * slow))		# of one step, seconds: only against hanging
engines=auto
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkfifo "$tmp/never"		# nothing comes from it
cd "$top" || exit 1
selftests/pki.sh "$pki" || exit 1

# Under a limit of time, so that a peer that hangs fails the test
within()	# CMD...
{
	timeout -k 5 "$limit" "$@"
}

is()	# WHAT GOT WANTED
{
	[ "$2" != "$3" ] || return 0
	printf '%s: %q, expected %q\n' "$1" "$2" "$3"
	return 1
}

has()	# WHAT TEXT REGEX
{
	! grep -qE -- "$3" <<<"$2" || return 0
	printf '%s: lacks %q:\n%s\n' "$1" "$3" "$2"
	return 1
}

lacks()	# WHAT TEXT REGEX
{
	grep -qE -- "$3" <<<"$2" || return 0
	printf '%s: has %q:\n%s\n' "$1" "$3" "$2"
	return 1
}

# The command ends with this status; its output, both, is left in $out
ends()	# STATUS CMD...
{
	local want=$1 got=0

	shift
	out=$(within "$@" 2>&1) || got=$?
	is "status of $* ($out)" "$got" "$want"
}

# For what no event announces: a condition that comes true in time; a status
# of 99 says that it cannot any more. (2 is what grep says of a file that is not
# there yet.)
until_true()	# CMD...
{
	local end=$((SECONDS + limit)) status=0

	until "$@" || { status=$?; false; }; do
		if [ "$status" = 99 ] || [ "$SECONDS" -ge "$end" ]; then
			echo "never came true: $*"
			return 1
		fi
		sleep 0.02
	done
}

sum()	# [FILE]
{
	sha256sum "$@" | cut -d' ' -f1
}

has_ktls()
{
	"$ktls" probe --json | jq -e .ktls.available >/dev/null
}

both_engines()
{
	engines=epoll
	! "$ktls" probe --json | jq -e '.io_uring.available and
		.io_uring.features["RECVMSG multishot"] == null' >/dev/null ||
		engines="epoll uring"
	engines=${KTLS_TEST_ENGINES:-$engines}
}

# ---- clients ---------------------------------------------------------------

# From the server begun last
web()	# [CURL-OPTION]... PATH
{
	within curl -sS -4 --noproxy '*' --path-as-is \
		--cacert "$pki/ca.pem" "${@:1:$#-1}" "$url${!#}"
}

code()	# [CURL-OPTION]... PATH: the status of the answer
{
	web -o /dev/null -w '%{http_code}' "$@"
}

head_of()	# [CURL-OPTION]... PATH: of the answer, without CRs
{
	web -o /dev/null -D - "$@" | tr -d '\r'
}

# The answers to the bytes that come in, until the server closes
talk()	# [S_CLIENT-OPTION]...
{
	within openssl s_client -quiet -CAfile "$pki/ca.pem" \
		-verify_return_error -servername localhost \
		-connect "127.0.0.1:$port" "$@" 2>"$dir/s_client.log"
}

# ktls get of a path
get()	# [OPTION]... PATH
{
	within "$ktls" get --cafile "$pki/ca.pem" "${@:1:$#-1}" "$url${!#}"
}

# ... with this exit status; its output, both, is in $out
gets()	# STATUS [OPTION]... PATH
{
	ends "$1" "$ktls" get --cafile "$pki/ca.pem" "${@:2:$#-2}" "$url${!#}"
}

# ---- servers ---------------------------------------------------------------

# $servers must end well, $others (processes, too) are killed at the test's end.

# Starts it on a free port of 127.0.0.1, and waits until it listens: $port and
# $url, $server (process), $log (its stderr)
listens()	# SUBCOMMAND [ARGUMENT]...
{
	local fifo line

	log=$dir/server$((nserve++)).log
	fifo=$log.fifo
	mkfifo "$fifo"
	"$ktls" "$1" -l 127.0.0.1:0 "${@:2}" >"$fifo" 2>"$log" &
	server=$!
	servers+=("$server")
	IFS= read -r -t "$limit" line <"$fifo" || {
		echo "ktls $1 does not listen"
		return 1
	}
	port=${line##*:}
	url=https://localhost:$port
}

serve()	# [OPTION]... DIR
{
	listens serve --engine "$engine" "$@"
}

# ... with a certificate for localhost
serve_p256()	# [OPTION]... DIR
{
	serve -c "$pki/p256.pem" -k "$pki/p256.key" "$@"
}

# Ends it as an administrator does. It must end well: a sanitizer's complaint,
# of a leak too, is a status.
stop_server()
{
	kill -TERM "$server"
	await_server
}

await_server()
{
	local status=0 pid left=()

	# a server that hangs is killed, and is a failure then
	( exec 7>&- 8>&-
	  read -rt "$limit" _ <>"$tmp/never"
	  kill -KILL "$server" ) 2>/dev/null &
	pid=$!
	wait "$server" || status=$?
	kill "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	for pid in "${servers[@]}"; do
		[ "$pid" = "$server" ] || left+=("$pid")
	done
	servers=("${left[@]}")
	is "status of the server" "$status" 0
}

# ---- running tests ---------------------------------------------------------

run_test()	# FUNCTION
{
	servers=() others=() nserve=0
	dir=$tmp/$1
	mkdir "$dir"
	set -e
	trap 'trap - EXIT
		kill -KILL "${servers[@]}" "${others[@]}" 2>/dev/null || :' EXIT
	"$1"
	for server in "${servers[@]}"; do
		stop_server
	done
}

# What a failure leaves behind, as diagnostics
explain()	# FUNCTION
{
	local file

	cat "$tmp/out"
	for file in "$tmp/$1"/*.log; do
		[ -f "$file" ] || continue
		echo "--- ${file##*/}"
		tail -n 30 "$file"
	done
}

run_tests()	# FUNCTION...
{
	local n=0 failed=0 name status list=() title

	for engine in $engines; do
		for name; do
			list+=("$engine $name")
		done
	done
	echo "KTAP version 1"
	echo "1..${#list[@]}"
	for title in "${list[@]}"; do
		n=$((n + 1))
		read -r engine name <<<"$title"
		[ "$engines" != "$engine" ] || title=$name
		# not in a condition, where "set -e" would have no effect
		( run_test "$name" ) >"$tmp/out" 2>&1
		status=$?
		if [ "$status" = 0 ]; then
			echo "ok $n $title"
		else
			explain "$name" 2>&1 | sed 's/^/# /'
			echo "# ended with status $status"
			echo "not ok $n $title"
			failed=1
		fi
		rm -rf "${tmp:?}/$name"
	done
	exit "$failed"
}
