#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The command line of "ktls agent", its file, and the socket that it is passed.
# Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"
# shellcheck source=selftests/agent_lib.sh
. "$top/selftests/agent_lib.sh"

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
	refuses '2: others than its owner and group may read or write it' '[a]' \
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
	refuses "1: has not a 'key' for each 'cert': a" '[a]' \
		"cert = $pki/p256.pem" "${ok[@]}"
	refuses '2: too many' '[a]' "cert = $pki/p256.pem, $pki/p256.pem, \
$pki/p256.pem, $pki/p256.pem, $pki/p256.pem"
	refuses '2: too many$' '[a]' "users = $(seq -s, 0 1024)"
	# shellcheck disable=SC2046	# lines
	refuses '4097: too many sections' $(for n in {0..1024}; do
		echo "[n$n]" "${ok[@]}"; done)
	printf 'a\0b' >"$dir/nul"
	refuses '2: a NUL in it: ' '[a]' "cert = $dir/nul"
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

# Where few files may be open, what is too much becomes less, and nothing more
few_files()
{
	conf
	become+=(--max-clients 2 --max-handshakes 1000)
	ulimit -n 64
	agent
	has limits "$(<"$log")" '--max-clients 2 and --max-handshakes 16,'
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

# Messages that make no sense
nonsense()	# COUNT
{
	within python3 - "$sock" "$1" <<-'END'
	import socket, sys
	with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
	    s.connect(sys.argv[1])
	    for i in range(int(sys.argv[2])):
	        s.send(b"nonsense")
	        assert s.recv(1000)[:4] == b"kTLA"
	END
}

# Who fails all the time fills no disk
flood()
{
	local from=$SECONDS

	conf
	agent
	nonsense 2000
	[ "$(wc -l <"$log")" -le $((10 * (SECONDS - from + 2))) ]
	said_how_many()
	{
		nonsense 1
		grep -q ' left_out=[0-9]*$' "$log"
	}
	until_true said_how_many
	stop_agent
}

run_tests file command_line few_files activated flood
