#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls agent" and programs that have no TLS: its command line and file, a client
# in Python, openssl(1) at the other end. Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

become=()
[ "$(id -u)" != 0 ] || become=(--user nobody)
# what looks for leaks makes calls that are not allowed
export ASAN_OPTIONS=detect_leaks=0
client=tools/agent_client.py

conf()	# [LINE]...: of the sections web and cli, and more lines
{
	chmod 755 "$tmp" "$dir"
	install -m 600 "$pki/p256.key" "$dir/web.key"
	{
		printf '%s\n' '[web]' "cert = $pki/p256.pem" \
			"key = $dir/web.key" 'roles = server' 'users = *' \
			'[cli]' "trust = $pki/ca.pem" 'roles = client' \
			'users = *' "$@"
	} >"$dir/conf"
}

# Starts one on $sock, and waits until it listens: $agent, $log
agent()
{
	local fifo=$dir/agent.fifo line

	sock=$dir/sock log=$dir/agent.log
	[ -p "$fifo" ] || mkfifo "$fifo"
	"$ktls" agent -f "$dir/conf" -s "$sock" "${become[@]}" \
		>"$fifo" 2>"$log" &
	agent=$!
	others+=("$agent")
	IFS= read -r -t "$limit" line <"$fifo"
	is "first line" "$line" "listening on $sock"
}

stop_agent()
{
	local status=0

	kill -TERM "$agent"
	wait "$agent" || status=$?
	is "status of ktls agent" "$status" 0
	[ ! -e "$sock" ]
}

# ---- its file ----------------------------------------------------------------

refuses()	# REGEX LINE...: in a file that consists of these lines
{
	local want=$1

	shift
	printf '%s\n' "$@" >"$dir/conf"
	ends 1 "$ktls" agent -f "$dir/conf" -s "$dir/sock" "${become[@]}"
	has "complaint" "$out" "conf:$want"
	[ ! -e "$dir/sock" ]
}

file()
{
	local ok=(roles=client users=0 verify=none)

	refuses '1: before the first section: roles' 'roles = client'
	refuses '2: not a key: rolls' '[a]' 'rolls = client'
	refuses '3: a second time in this section: users' '[a]' 'users = 0' \
		'users = 1'
	refuses '2: has no value: users' '[a]' 'users ='
	refuses '2: neither' '[a]' 'users'
	refuses '2: no such user: nobody-at-all' '[a]' 'users = nobody-at-all'
	refuses '2: no such user: 4294967295' '[a]' 'users = 4294967295'
	refuses '2: no such group: none-at-all' '[a]' 'groups = 0, none-at-all'
	refuses '2: a part of the list is empty' '[a]' 'users = 0,,1'
	refuses '2: not a value for this key: peer' '[a]' 'roles = peer'
	refuses '2: not a value for this key: 1.1' '[a]' 'tls = 1.1'
	refuses '2: not a value for this key: maybe' '[a]' 'verify = maybe'
	refuses '2: No such file' '[a]' 'cert = /nowhere/at/all'
	refuses '2: Invalid argument' '[a]' 'cert = /dev/zero'
	refuses "2: others than its owner may use this key" '[a]' \
		"key = $pki/ca.pem"
	refuses '1: not a section' '[a'
	refuses '1: not a section' '[a] b'
	refuses '1: not a name' '[]'
	refuses '1: not a name' '[a b]'
	refuses '1: not a name' "[$(printf 'n%.0s' {1..65})]"
	refuses '6: there is a section of this name: a' '' '[a]' "${ok[@]}" \
		'[a]'
	refuses "2: has no 'roles': a" '# first' '[a]' 'users = 0'
	refuses "1: has neither 'users' nor 'groups'" '[a]' 'roles = client' \
		'verify = none' '[b]' "${ok[@]}"
	refuses "1: is for servers and has no 'cert'" '[a]' 'roles = server' \
		'users = 0'
	refuses "1: has only one of 'cert' and 'key'" '[a]' \
		"cert = $pki/p256.pem" "${ok[@]}"
	refuses "1: is for clients and has no 'trust'" '[a]' 'roles = client' \
		'users = 0'
	refuses '1: has no section' '# nothing'
	refuses '1: longer than' "# $(printf 'n%.0s' {1..5000})"
	printf '[a]\0\n' >"$dir/conf"
	ends 1 "$ktls" agent -f "$dir/conf" -s "$dir/sock" "${become[@]}"
	has NUL "$out" 'conf:1: has a NUL'
	# what is there, and is no certificate, or another's key
	chmod 755 "$tmp" "$dir"
	install -m 600 "$pki/p384.key" "$dir/other.key"
	refuses '1: a: private key does not belong to the certificate' '[a]' \
		"cert = $pki/p256.pem" "key = $dir/other.key" 'roles = server' \
		'users = 0'
	printf '%s\n' '[a]' "${ok[@]}" >"$dir/conf"
	chmod 666 "$dir/conf"
	ends 1 "$ktls" agent -f "$dir/conf" -s "$dir/sock" "${become[@]}"
	has writable "$out" 'anybody may write to it'
}

command_line()
{
	ends 1 "$ktls" agent
	has config "$out" '--config is required'
	ends 1 "$ktls" agent -f /none x
	has argument "$out" "no argument is expected: 'x'"
	ends 1 "$ktls" agent -f /none --user nobody-at-all
	has user "$out" '--user nobody-at-all: no such user'
	ends 1 "$ktls" agent -f /none --max-clients 0
	has number "$out" '--max-clients 0: not a number from 1'
	ends 0 "$ktls" agent --help
	has help "$out" '^Usage: ktls agent'
	[ "$(id -u)" != 0 ] || {
		ends 1 "$ktls" agent -f /none
		has root "$out" '--user has to say whom to become'
		ends 1 "$ktls" agent -f /none --user root
		has root "$out" '--user has to say whom to become'
	}
	conf
	agent
	# a second one does not take its place
	ends 1 "$ktls" agent -f "$dir/conf" -s "$sock" "${become[@]}"
	has taken "$out" 'Address already in use'
	[ -S "$sock" ]
	stop_agent
}

# As systemd passes it: the third descriptor, for this very process
activated()
{
	conf
	python3 - "$ktls" agent -f "$dir/conf" "${become[@]}" \
		>"$dir/out" 2>"$dir/agent.log" <<-'END' &
	import os, socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	s.bind(os.path.dirname(sys.argv[4]) + "/passed")
	s.listen()
	os.dup2(s.fileno(), 3)
	os.set_inheritable(3, True)
	os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
	os.execv(sys.argv[1], sys.argv[1:])
	END
	agent=$!
	others+=("$agent")
	until_true grep -q 'listening on' "$dir/out"
	sock=$dir/passed
	serve_p256 "$dir"
	ends 1 python3 "$client" --socket "$sock" --credential none get \
		localhost "$port"
	has answer "$out" 'agent has no such credential for this user'
	kill -TERM "$agent"
	wait "$agent"
	# it is whose it was
	[ -S "$sock" ]
}

# ---- a client in Python ------------------------------------------------------

page()	# [OPTION]... -- [ARG]...: by the agent's client
{
	within python3 "$client" --socket "$sock" "$@"
}

# Without kTLS there is nothing for a program that has no TLS
from_python()
{
	mkdir "$dir/www"
	head -c 300000 /dev/urandom >"$dir/www/file"
	serve_p256 --tickets 3 "$dir/www"
	conf '[cli12]' "trust = $pki/ca.pem" 'roles = client' 'users = *' \
		'tls = 1.2'
	agent
	if ! has_ktls; then
		ends 1 python3 "$client" --socket "$sock" --credential cli \
			get localhost "$port" /file
		has "no kernel" "$out" 'the kernel has no TLS'
		return
	fi
	for credential in cli cli12; do
		page --credential "$credential" get localhost "$port" /file \
			>"$dir/got" 2>"$dir/client.log"
		is "the file" "$(tail -c 300000 "$dir/got" | sum)" \
			"$(sum "$dir/www/file")"
		has answer "$(<"$dir/client.log")" '^\* kernel: 3$'
		has answer "$(<"$dir/client.log")" '^\* peer_verified: 1$'
		has answer "$(<"$dir/client.log")" \
			"^\* peer_sha256: $(openssl x509 -in "$pki/p256.pem" \
			-outform DER | sum)"
	done
	has log "$(<"$log")" 'credential=cli12 role=client tls=1.2'
	stop_agent
}

to_python()
{
	conf
	agent
	mkfifo "$dir/fifo"
	within python3 "$client" --socket "$sock" serve 0 >"$dir/fifo" \
		2>"$dir/client.log" &
	others+=("$!")
	IFS= read -r -t "$limit" line <"$dir/fifo"
	port=${line##* }
	url=https://localhost:$port
	if ! has_ktls; then
		ends 35 curl -sS -4 --cacert "$pki/ca.pem" "$url/"
		until_true grep -q 'the kernel has no TLS' "$dir/client.log"
		return
	fi
	for version in 1.2 1.3; do
		is curl "$(web --tls-max "$version" --tlsv1.2 /)" hello
		is get "$(get --tls "$version" /)" hello
	done
	has s_client "$(printf 'GET / HTTP/1.0\r\n\r\n' | talk)" hello
}

run_tests file command_line activated from_python to_python
