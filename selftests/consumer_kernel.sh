#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The module ktls_consumer and "ktls kernel", with 'ktls agent --kernel' to do
# the handshakes; as root on a kernel of its own (see vm/), for which the
# module is in $KTLS_TEST_MODULES. Speaks KTAP.
#
# $KTLS_TEST_LOADS: how many times the module is loaded and removed (20)
# $KTLS_TEST_MIB: how much one connection echoes (64, or under emulation 16)

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"
# shellcheck source=selftests/upcall_lib.sh
. "$(dirname "$0")/upcall_lib.sh"

module=$tmp/ktls_consumer.ko
inside=()			# what a command of another namespace begins with
MiB=1048576

# ---- endpoints -------------------------------------------------------------

# An endpoint that listens: $id, $port, $at
listens()	# [OPTION]... SERVICE
{
	got=$(within "$ktls" kernel listen -j "$@" 127.0.0.1:0)
	id=$(jq .id <<<"$got")
	port=$(jq .port <<<"$got")
	at=localhost:$port
}

# One that connects, waited for, with this exit status: $got
connects()	# STATUS [OPTION]... SERVICE HOST:PORT
{
	local want=$1 status=0

	shift
	got=$(within "$ktls" kernel connect -j --timeout $((5 * slow)) \
		--idle $((5 * slow)) "$@") || status=$?
	is "status of connect $* ($got)" "$status" "$want"
}

endpoint()	# FILTER [ID]: of jq's, on what "show" tells of it
{
	within "$ktls" kernel show -j "${2-$id}" | jq -r "$1"
}

counts()	# COUNTER VALUE: of what connects() got
{
	is "$1 of $got" "$(jq ".counters.$1" <<<"$got")" "$2"
}

fails_with()	# ERRNO: what connects() got
{
	is "last error of $got" "$(jq -r .last_error <<<"$got")" "$1"
}

listener_counts()	# COUNTER VALUE
{
	[ "$(endpoint ".endpoint.counters.$1")" = "$2" ]
}

# The listener's connections have come to an end, this one with this
listener_ends()	# COUNTER [ERRNO]
{
	until_true listener_counts "$1" 1
	is "last error" "$(endpoint .endpoint.last_error)" "${2-null}"
	is active "$(endpoint .endpoint.active)" 0
}

close_all()
{
	within "$ktls" kernel close all
	is "endpoints left" "$(within "$ktls" kernel list)" ""
}

# The agent, and both ends with certificates that it accepts
agent()
{
	tlshd_conf ca client ca p256 >"$dir/tlshd"
	serve_kernel "$dir/tlshd"
}

threads()
{
	pgrep -c '^ktls_(conn|tx|listen)' || :
}

no_threads()
{
	[ "$(threads)" = 0 ]
}

# The text of RFC 864, not made by the module
rfc864()	# BYTES
{
	python3 -c 'import sys
n = int(sys.argv[1])
ring = "".join(map(chr, range(32, 127))) * 2
text = "".join(ring[i:i + 72] + "\r\n" for i in range(95))
while n > 0:
    sys.stdout.write(text[:n])
    n -= len(text)' "$1"
}

# ---- what works ------------------------------------------------------------

load()
{
	local i

	for ((i = 0; i < ${KTLS_TEST_LOADS:-20}; i++)); do
		rmmod ktls_consumer
		insmod "$module"
	done
	is endpoints "$(within "$ktls" kernel stats -j | jq .endpoints)" 0
}

services()
{
	local service

	agent
	for service in echo discard chargen; do
		listens "$service"
		connects 0 --auth anon --bytes $((4 * MiB)) "$service" "$at"
		counts completed 1
		# all records full, close_notify besides
		case $service in
		echo)	counts rx_bytes $((4 * MiB))
			counts tx_bytes $((4 * MiB))
			counts rx_records 257 ;;
		discard)
			counts tx_bytes $((4 * MiB))
			counts tx_records 257 ;;
		chargen)
			[ "$(jq .counters.rx_bytes <<<"$got")" -ge \
				$((4 * MiB)) ] ;;
		esac
		listener_ends completed
	done
	close_all
	no_threads
	is "connections of kTLS" "$(tls_stat TlsCurrTxSw)" 0
	is "decryption errors" "$(tls_stat TlsDecryptError)" 0
}

much()
{
	local mib=64 bytes

	[ "${KTLS_VM-}" = uml ] || mib=16
	bytes=$((${KTLS_TEST_MIB:-$mib} * MiB))
	agent
	listens echo
	connects 0 --auth x509 --bytes "$bytes" echo "$at"
	counts rx_bytes $bytes
	counts completed 1
	listener_ends completed
	close_all
}

many()
{
	agent
	listens echo
	connects 0 --connections 20 --bytes 100000 echo "$at"
	counts handshakes 20
	counts completed 20
	counts rx_bytes 2000000
	close_all
}

ipv6()
{
	agent
	got=$(within "$ktls" kernel listen -j discard '[::1]:0')
	at="[::1]:$(jq .port <<<"$got")"
	connects 0 --auth anon --peername localhost --bytes 10 discard "$at"
	is address "$(jq -r .address <<<"$got")" ::1
	close_all
}

# Who waits for one that connects is told if somebody else closes it
closed()
{
	agent
	listens discard
	within "$ktls" kernel connect --auth anon discard "$at" \
		>"$dir/connect" 2>&1 &
	client=$!
	others+=("$client")
	until_true listener_counts handshakes 1
	within "$ktls" kernel close "$(within "$ktls" kernel list -j |
		jq '.[] | select(.role == "connect").id')"
	wait "$client"
	is lines "$(wc -l <"$dir/connect")" 1
	has "the last word" "$(<"$dir/connect")" 'active=0 .* completed=1 '
	close_all
}

# Who waits and is told to end leaves nothing behind; but a shell's "&" has him
# ignore SIGINT
interrupted()
{
	agent
	listens discard
	"$ktls" kernel connect --auth anon discard "$at" >"$dir/connect" 2>&1 &
	client=$!
	others+=("$client")
	until_true listener_counts handshakes 1
	kill -INT "$client"
	pending()
	{
		grep -q '^ShdPnd:.*2$' "/proc/$client/status"
	}
	until_true eval ! pending
	is "connections" "$(endpoint .endpoint.active)" 1
	kill -TERM "$client"
	wait "$client"
	is lines "$(wc -l <"$dir/connect")" 1
	has "the last word" "$(<"$dir/connect")" 'active=0 .* completed=1 '
	is endpoints "$(within "$ktls" kernel stats -j | jq .endpoints)" 1
	close_all
}

# A listener is closed while data keeps coming: the client hears close_notify
busy()
{
	agent
	listens discard
	within "$ktls" kernel connect --auth anon discard "$at" \
		>"$dir/connect" 2>&1 &
	client=$!
	others+=("$client")
	flows()
	{
		[ "$(endpoint .endpoint.counters.rx_bytes)" -gt $MiB ]
	}
	until_true flows
	within "$ktls" kernel close "$id"
	wait "$client"
	has "the last word" "$(<"$dir/connect")" 'completed=1 .* rx_alerts=1'
	close_all
}

# ... even one that has not read it yet, and sends still: no reset follows it
sends_on()	# PORT FIFO
{
	python3 - "$@" "$pki/ca.pem" <<-'E'
	import select, socket, ssl, sys
	port, fifo, ca = sys.argv[1:]
	tls = ssl.create_default_context(cafile=ca).wrap_socket(
	    socket.create_connection(("127.0.0.1", port)),
	    server_hostname="localhost", suppress_ragged_eofs=False)
	tls.sendall(b"hello")
	open(fifo, "w").close()
	poll = select.poll()
	poll.register(tls, select.POLLRDHUP)
	poll.poll()
	tls.sendall(b"still here")
	print("read", len(tls.read()), "error", tls.getsockopt(
	    socket.SOL_SOCKET, socket.SO_ERROR))
	E
}

closed_while_sending()
{
	agent
	listens discard
	mkfifo "$dir/sent"
	sends_on "$port" "$dir/sent" >"$dir/said" 2>&1 &
	client=$!
	others+=("$client")
	within cat "$dir/sent"
	within "$ktls" kernel close "$id"
	wait "$client" || :
	is "what the client has heard" "$(<"$dir/said")" \
		"read 0 error 0"
}

# ---- other people's TLS ----------------------------------------------------

# s_client, that stays: what is written to file descriptor 7 is sent
s_client()	# [OPTION]...
{
	mkfifo "$dir/to_client"
	openssl s_client -connect "127.0.0.1:$port" -CAfile "$pki/ca.pem" \
		-verify_return_error -servername localhost "$@" \
		<"$dir/to_client" >"$dir/from_client" 2>"$dir/client.log" &
	client=$!
	others+=("$client")
	exec 7>"$dir/to_client"
	until_true listener_counts handshakes 1
}

openssl_client()
{
	agent
	listens echo
	# which in its first letters holds no command to s_client
	head -c $((MiB / 2)) /dev/urandom | od -An -v -tx1 | tr -d ' \n' \
		>"$dir/data"
	s_client -quiet -no_ign_eof
	cat "$dir/data" >&7
	echoed()
	{
		[ "$(sum "$dir/from_client")" = "$(sum "$dir/data")" ]
	}
	until_true echoed
	got=$(within "$ktls" kernel show -j "$id" | jq .connections[0])
	is version "$(jq -r .version <<<"$got")" "TLS 1.3"
	is cipher "$(jq -r .cipher <<<"$got")" AES_128_GCM
	is state "$(jq -r .state <<<"$got")" open
	counts rx_bytes $MiB
	exec 7>&-
	listener_ends completed
	close_all
}

# s_server, for one connection: $peer, $port; it sends what is written to 8
s_server()
{
	mkfifo "$dir/to_server"
	within openssl s_server -accept 127.0.0.1:0 -naccept 1 -quiet \
		-cert "$pki/p256.pem" -key "$pki/p256.key" \
		<"$dir/to_server" >"$dir/from_server" 2>"$dir/server.log" &
	peer=$!
	others+=("$peer")
	exec 8>"$dir/to_server"
	rm "$dir/to_server"
	listening()
	{
		port=$(ss -Hltnp | sed -n \
			"s/.*127\.0\.0\.1:\([0-9]*\) .*openssl.*/\1/p")
		[ "$port" ]
	}
	until_true listening
}

openssl_server()
{
	agent
	s_server
	connects 0 --auth anon --bytes $MiB discard "localhost:$port"
	exec 8>&-
	wait "$peer"
	rfc864 $MiB >"$dir/text"
	is "bytes received" "$(sum "$dir/from_server")" "$(sum "$dir/text")"
	counts completed 1

	s_server
	head -c 100 "$dir/text" >&8
	echo "something else" >&8
	connects 5 --auth anon chargen "localhost:$port"
	fails_with EILSEQ
	counts rx_bytes 115
	exec 8>&-
	wait "$peer" || :
}

# Between a client and PORT, from a port of its own; when PORT has ended its
# side, more is sent to it for a while
relay()	# PORT
{
	python3 - "$@" <<-'E'
	import select, socket, sys, time
	listener = socket.create_server(("127.0.0.1", 0))
	print(listener.getsockname()[1], flush=True)
	client = listener.accept()[0]
	server = socket.create_connection(("127.0.0.1", sys.argv[1]))
	ways = {client.fileno(): (client, server),
	        server.fileno(): (server, client)}
	poll = select.poll()
	poll.register(client, select.POLLIN)
	poll.register(server, select.POLLIN | select.POLLRDHUP)
	over = False
	while not over:
	    for fd, events in poll.poll():
	        over |= fd == server.fileno() and events & select.POLLRDHUP
	        a, b = ways[fd]
	        data = b"" if over else a.recv(65536)
	        if data:
	            b.sendall(data)
	        else:
	            poll.unregister(fd)
	try:
	    for i in range(5):
	        server.sendall(bytes(100))
	        time.sleep(0.1)
	    print("error", server.getsockopt(socket.SOL_SOCKET,
	                                     socket.SO_ERROR), flush=True)
	except OSError as e:
	    print("error", e.errno, flush=True)
	client.sendall(server.recv(65536))
	E
}

# Keys cannot follow: an alert, and the end; no reset, even if the client sends
# still
key_update()
{
	agent
	listens discard
	relay "$port" >"$dir/relay" &
	others+=($!)
	until_true [ -s "$dir/relay" ]
	port=$(<"$dir/relay")
	s_client
	echo K >&7
	listener_ends errors EKEYEXPIRED
	answered()
	{
		grep -q 'alert number 80' "$dir/client.log"
	}
	until_true answered
	until_true grep error "$dir/relay"
	is "what the relay has met" "$(tail -n 1 "$dir/relay")" "error 0"
	close_all
}

# Shakes hands, sends the bytes once FIFO has been opened, and says what alert
# comes
sends_raw()	# PORT FIFO HEX
{
	python3 - "$@" "$pki/ca.pem" <<-'E'
	import socket, ssl, sys
	port, fifo, record, ca = sys.argv[1:]
	have, give = ssl.MemoryBIO(), ssl.MemoryBIO()
	tls = ssl.create_default_context(cafile=ca).wrap_bio(
	    have, give, server_hostname="localhost")
	sock = socket.create_connection(("127.0.0.1", port))
	def until_done(step):
	    while True:
	        try:
	            return step()
	        except ssl.SSLWantReadError:
	            sock.sendall(give.read())
	            have.write(sock.recv(65536) or sys.exit("no alert"))
	until_done(tls.do_handshake)
	sock.sendall(give.read())
	open(fifo).close()
	sock.sendall(bytes.fromhex(record))
	try:
	    until_done(tls.read)
	except ssl.SSLError as e:
	    print(e.reason)
	E
}

bad_record()	# HEX ALERT ERRNO
{
	listens echo
	sends_raw "$port" "$dir/go" "$1" >"$dir/said" 2>&1 &
	client=$!
	others+=("$client")
	until_true listener_counts handshakes 1
	within tee "$dir/go" </dev/null
	wait "$client" || :
	has "what the client has heard" "$(<"$dir/said")" "ALERT_$2\$"
	listener_ends errors "$3"
}

# Of a wrong tag; too long; of another version than all records are
bad_records()
{
	agent
	mkfifo "$dir/go"
	bad_record "1703030020$(printf %064d 0)" BAD_RECORD_MAC EBADMSG
	bad_record 1703034800 RECORD_OVERFLOW EMSGSIZE
	bad_record 1702000020 UNEXPECTED_MESSAGE EINVAL
	close_all
}

# While an endpoint is closed, which a peer that says nothing draws out, what it
# has counted is in the sum
counted()
{
	local before closer

	handshakes()
	{
		within "$ktls" kernel stats -j | jq .counters.handshakes
	}
	agent
	listens echo
	s_client
	kill -STOP "$client"
	before=$(handshakes)
	within "$ktls" kernel close "$id" &
	closer=$!
	while kill -0 "$closer" 2>/dev/null; do
		is handshakes "$(handshakes)" "$before"
	done
	wait "$closer"
	is handshakes "$(handshakes)" "$before"
	kill -CONT "$client"
	exec 7>&-
}

# ---- what does not work ----------------------------------------------------

nobody()
{
	listens echo
	connects 3 --auth anon --bytes 1 echo "$at"
	fails_with ESRCH
	listener_ends handshake_errors ESRCH
	close_all
	# nor is there anybody at that port, now
	connects 2 --auth anon --bytes 1 echo "$at"
	fails_with ECONNREFUSED
}

wrong_certificates()
{
	agent
	listens echo
	connects 3 --auth anon --peername other.test --bytes 1 echo "$at"
	fails_with EACCES
	close_all
	stop_server

	rm "$dir/ready"
	tlshd_conf stranger-ca client ca p256 >"$dir/tlshd"
	serve_kernel "$dir/tlshd"
	listens echo
	connects 3 --auth anon --bytes 1 echo "$at"
	fails_with EACCES
	until_true listener_counts handshake_errors 1
	close_all
}

# An agent that shakes no hands: $server
strange_agent()	# [CIPHER SEQUENCE [KEEP]]
{
	rm -f "$dir/says"
	"${inside[@]}" python3 selftests/consumer_agent.py "$@" >"$dir/says" &
	server=$!
	others+=("$server")
	until_true grep -q ready "$dir/says"
}

# It says that all went well, without keys: nothing goes in the clear
no_keys()
{
	strange_agent
	listens discard
	connects 3 --auth anon --bytes 1 discard "$at"
	fails_with EPROTO
	counts tx_bytes 0
	listener_ends handshake_errors EPROTO
	close_all
}

# With keys that are about to be used up: the limit is kept, and the end orderly
used_up()	# CIPHER RECORDS
{
	strange_agent "$1" $(($2 - 4096))
	listens discard
	connects 5 --auth anon --bytes $((128 * MiB)) discard "$at"
	fails_with EKEYEXPIRED
	[ "$(jq .counters.tx_records <<<"$got")" -lt 4096 ]
	listener_ends completed
	close_all
	kill "$server"
	wait "$server" || :
}

limits()
{
	used_up 51 23726566	# AES-128-GCM
	used_up 52 23726566	# AES-256-GCM
	used_up 53 8388608	# AES-128-CCM
}

# A client sends these records, and hears that
hears()	# RECORDS-AND-END COUNTER ERRNO RECORD...
{
	listens discard
	is "what a client of ${*:4} hears" "$(within \
		python3 -B selftests/consumer_peer.py "$port" "${@:4}")" "$1"
	listener_ends "$2" "$3"
}

# Records that are not data, 21 alerts and 22 handshake, to a server
control_records()
{
	local unexpected="21:020a end"

	strange_agent 51 0
	hears "21:0100 end" completed null 23:00 21:0100
	hears "21:0100 end" completed null 21:015a 23:00 21:0100
	hears end errors ECONNRESET 21:0228
	is "last alert" "$(endpoint .endpoint.last_alert)" 40
	hears "21:0232 end" errors EPROTO 21:01
	hears "21:0232 end" errors EPROTO 21:01000100
	hears "$unexpected" errors EPROTO 20:01
	hears "$unexpected" errors EPROTO 24:00
	# a ticket, a ClientHello, a part of one and then data, a KeyUpdate
	hears "$unexpected" errors EPROTO 22:0400000100
	hears "$unexpected" errors EPROTO 22:01 22:000001
	hears "$unexpected" errors EPROTO 22:01 23:00
	hears "21:0250 end" errors EKEYEXPIRED 22:1800000100
	close_all
}

# ... and to a client, which wants ten bytes
tells()	# STATUS RECORD...
{
	local want=$1

	shift
	rm -f "$dir/peer"
	python3 -B selftests/consumer_peer.py 0 "$@" >"$dir/peer" &
	peer=$!
	others+=("$peer")
	until_true [ -s "$dir/peer" ]
	connects "$want" --auth anon --bytes 10 chargen \
		"localhost:$(<"$dir/peer")"
	wait "$peer"
}

tickets()
{
	local text=23:20212223242526272829

	strange_agent 51 0
	tells 0 22:0400000100 22:04000002 22:0000 22:04000001000400000100 "$text"
	counts rx_handshake 4
	is "what the server hears" "$(tail -n 1 "$dir/peer")" "21:0100 end"
	# too long by a byte; a HelloRequest, which 1.3 has not
	for record in 22:04020201 22:00000000; do
		tells 5 "$record"
		fails_with EPROTO
		is "what the server hears" "$(tail -n 1 "$dir/peer")" \
			"21:020a end"
	done
	close_all
}

# A peer that connects and says nothing; then the agent that does
slow_handshakes()
{
	agent
	listens --timeout 0.5 echo
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	listener_ends handshake_errors ETIMEDOUT
	exec 7>&-

	kill -STOP "$server"
	connects 3 --timeout 0.5 --bytes 1 echo "$at"
	fails_with ETIMEDOUT
	until_true listener_counts handshake_errors 2
	kill -CONT "$server"

	listens --timeout 3 echo
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	at_work()
	{
		[ "$(endpoint .connections[0].state)" = handshake ]
	}
	until_true at_work
	kill -KILL "$server"
	wait "$server" || :
	servers=()
	listener_ends handshake_errors ETIMEDOUT
	exec 7>&-
	close_all
}

ends_badly()
{
	agent
	listens --idle 1 echo
	s_client
	listener_ends errors ETIMEDOUT
	# which the client learns by a close_notify
	wait "$client"
	exec 7>&-
	rm "$dir/to_client"

	listens echo
	s_client
	kill -KILL "$client"
	listener_ends errors ENODATA
	exec 7>&-
	rm "$dir/to_client"

	# an echo that never comes
	listens discard
	connects 5 --auth anon --bytes 10 --idle 0.5 echo "$at"
	fails_with ETIMEDOUT
	close_all
}

# A client that does not read: for longer than sending waits at a time, after
# which all goes on, and then for too long
unread()
{
	local size

	agent
	listens --idle $((8 * slow)) chargen
	s_client -quiet -no_ign_eof
	kill -STOP "$client"
	sleep 5
	size=$(stat -c %s "$dir/from_client")
	kill -CONT "$client"
	goes_on()
	{
		[ "$(stat -c %s "$dir/from_client")" -gt $((size + 8 * MiB)) ]
	}
	until_true goes_on
	kill -STOP "$client"
	listener_ends errors ETIMEDOUT
	kill -CONT "$client"
	wait "$client" || :
	exec 7>&-
	size=$(stat -c %s "$dir/from_client")
	is "bytes received" "$(sum "$dir/from_client")" \
		"$(rfc864 "$size" | sum)"
	close_all
}

# Never reads, and prints for how many seconds nothing had come when the
# connection broke
reads_nothing()	# PORT
{
	within python3 - "$@" "$pki/ca.pem" <<-'E'
	import fcntl, select, socket, ssl, sys, termios, time
	port, ca = sys.argv[1:]
	tls = ssl.create_default_context(cafile=ca).wrap_socket(
	    socket.create_connection(("127.0.0.1", port)),
	    server_hostname="localhost")
	poll = select.poll()
	poll.register(tls, 0)
	had = since = None
	while not poll.poll(50):
	    have = fcntl.ioctl(tls, termios.FIONREAD, bytes(4))
	    if have != had:
	        had, since = have, time.monotonic()
	print(int(time.monotonic() - since))
	E
}

# There is nothing to wait for beyond IDLE_TIMEOUT: it is seen every second, by
# who sends and who says goodbye
never_read()
{
	local seconds

	agent
	listens --idle 4 chargen
	seconds=$(reads_nothing "$port")
	echo "broke after $seconds s"
	[ "$seconds" -ge 4 ]
	[ "$seconds" -le 9 ]
	listener_ends errors ETIMEDOUT
	close_all
}

# More than one message has room for
listed()
{
	local i

	for ((i = 0; i < 30; i++)); do
		listens echo
	done
	is "endpoints" "$(within "$ktls" kernel list | wc -l)" 30
	is "ids" "$(within "$ktls" kernel list -j | jq '[.[].id] | unique |
		length')" 30
	ends 0 "$ktls" kernel close "$id"
	is "endpoints" "$(within "$ktls" kernel stats -j | jq .endpoints)" 29
	close_all
}

crowded()
{
	agent
	listens --connections 1 echo
	s_client
	connects 3 --auth anon --bytes 1 echo "$at"
	is refused "$(endpoint .endpoint.counters.refused)" 1
	exec 7>&-
	listener_ends completed
	close_all
}

# ---- keys ------------------------------------------------------------------

# The agent is of the same user
may_use()	# SERIAL...
{
	local serial

	for serial; do
		keyctl setperm "$serial" 0x3f3f0000
	done
}

usage_of()	# SERIAL: how many hold the key
{
	awk -v id="$(printf %08x "$1")" '$1 == id { print $3 }' /proc/keys
}

psk()
{
	local ring good other bad name=NVMe0R01-example-identity

	ring=$(keyctl newring ktls_test @s)
	good=$(sum "$pki/p256.pem" | head -c 32 | keyctl padd psk $name "$ring")
	other=$(sum "$pki/ca.pem" | head -c 32 |
		keyctl padd psk NVMe0R01-other-identity "$ring")
	may_use "$ring" "$good" "$other"
	is held "$(usage_of "$good")" 1
	agent
	listens --auth psk --psk "$good" --keyring "$ring" echo
	connects 0 --auth psk --psk "$good" --keyring "$ring" --bytes $MiB \
		echo "$at"
	counts rx_bytes $MiB
	close_all
	is held "$(usage_of "$good")" 1

	# a server that names a key takes no other, and one that names none, all
	listens --auth psk --psk "$good" --keyring "$ring" echo
	connects 3 --auth psk --psk "$other" --keyring "$ring" --bytes 1 \
		echo "$at"
	fails_with EACCES
	until_true listener_counts handshake_errors 1
	listens --auth psk --keyring "$ring" echo
	connects 0 --auth psk --psk "$other" --keyring "$ring" --bytes 1 \
		echo "$at"
	close_all
	ends 1 "$ktls" kernel listen --auth psk --psk "$good" --psk "$other" \
		echo 127.0.0.1:0
	has reason "$out" 'do not fit'

	bad=$(keyctl newring ktls_bad @s)
	may_use "$bad"
	bad=$(sum "$pki/p384.pem" | head -c 32 | keyctl padd psk $name "$bad")
	may_use "$bad"
	listens --auth psk --psk "$good" --keyring "$ring" echo
	connects 3 --auth psk --psk "$bad" --bytes 1 echo "$at"
	fails_with EACCES
	until_true listener_counts handshake_errors 1
	close_all
	keyctl unlink "$ring" @s
}

# The agent shows the certificate whose keys the endpoint names
own_certificate()
{
	local ring cert key

	ring=$(keyctl newring ktls_x509 @s)
	cert=$(keyctl padd user cert "$ring" <"$pki/p384.pem")
	key=$(keyctl padd user key "$ring" <"$pki/p384.key")
	may_use "$ring" "$cert" "$key"
	agent
	listens --certificate "$cert" --private-key "$key" --keyring "$ring" \
		echo
	connects 0 --auth anon --bytes 10 echo "$at"
	logged 'client .* subject="CN = p384"'
	is "keys" "$(endpoint '.endpoint | "\(.certificate) \(.private_key)"')" \
		"$cert $key"
	ends 1 "$ktls" kernel listen --certificate "$cert" echo 127.0.0.1:0
	has reason "$out" 'do not fit'
	close_all
	is held "$(usage_of "$key")" 1
	keyctl unlink "$ring" @s
}

no_such_key()
{
	ends 1 "$ktls" kernel listen --auth psk --psk 1 echo 127.0.0.1:0
	has reason "$out" 'no such valid key'
	ends 1 "$ktls" kernel connect --auth psk echo 127.0.0.1:1
	has reason "$out" 'do not fit'
	ends 1 "$ktls" kernel listen --auth anon echo 127.0.0.1:0
	ends 1 "$ktls" kernel listen --keyring "$(keyctl add user x y @s)" \
		echo 127.0.0.1:0
	has reason "$out" 'not a keyring'
	is endpoints "$(within "$ktls" kernel list)" ""
}

# ---- rights and namespaces -------------------------------------------------

rights()
{
	local nobody=(setpriv --reuid 65534 --clear-groups)

	listens echo
	for verb in "list" "show $id" "stats"; do
		# shellcheck disable=SC2086
		ends 1 "${nobody[@]}" "$ktls" kernel $verb
		has "list" "$out" 'not permitted'
	done
	# root of a namespace of its own: may look there, but not use keys
	ends 0 unshare -Urn "$ktls" kernel list
	is "its endpoints" "$out" ""
	ends 1 unshare -Urn "$ktls" kernel listen echo 127.0.0.1:0
	has listen "$out" 'not permitted'
	ends 1 unshare -Urn "$ktls" kernel close "$id"
	has close "$out" 'not permitted'
	is still "$(endpoint .endpoint.id)" "$id"
	close_all
}

# From here on all is in a namespace of its own
namespace()
{
	inside=(ip netns exec ktls_test)
	ip netns add ktls_test
	ip -n ktls_test link set lo up
	printf '#!/bin/sh\nexec ip netns exec ktls_test %s "$@"\n' "$ktls" \
		>"$dir/ktls"
	chmod +x "$dir/ktls"
	ktls=$dir/ktls
}

# A namespace ends, with connections that would never
namespaces()
{
	namespace
	agent
	# each waits for the other, without end
	listens discard
	within "$ktls" kernel connect --detach --auth anon chargen "$at" \
		>/dev/null
	until_true listener_counts handshakes 1
	is threads "$(threads)" 3
	stop_server
	ip netns del ktls_test
	until_true no_threads
}

# A peer of which nothing is heard any more: nothing remains for it
silence()
{
	namespace
	agent
	listens --timeout 2 echo
	# shellcheck disable=SC2016	# it is for that shell
	ip netns exec ktls_test bash -c 'exec 7<>/dev/tcp/127.0.0.1/$0 &&
		read -r <"$1"' "$port" "$tmp/never" &
	others+=($!)
	at_work()
	{
		[ "$(endpoint .connections[0].state)" = handshake ]
	}
	until_true at_work
	ip -n ktls_test link set lo down
	listener_ends handshake_errors ETIMEDOUT
	is "sockets besides the listener" "$(ip netns exec ktls_test \
		ss -Htan "sport = :$port" | grep -v LISTEN)" ""
	close_all
	ip netns del ktls_test
}

# An agent may keep the sockets, beyond the end of their connections: then they
# hold the namespace, and no longer than that
kept()
{
	namespace
	strange_agent 51 0 1
	listens discard
	connects 0 --auth anon --bytes 1000 discard "$at"
	listener_ends completed
	ip netns del ktls_test
	is threads "$(threads)" 1
	kill "$server"
	wait "$server" || :
	until_true no_threads
}

removal()
{
	agent
	listens chargen
	ends 1 "$ktls" kernel connect --auth anon chargen "$at" &
	waits=$!
	others+=("$waits")
	until_true listener_counts handshakes 1
	listens echo
	s_client
	exec 9<>"/dev/tcp/127.0.0.1/$port"
	rmmod ktls_consumer
	no_threads
	wait "$client" || :
	has "the client's end" "$(<"$dir/from_client")" '^closed'
	exec 7>&- 9>&-
	wait "$waits"
	insmod "$module"
}

usage()
{
	ends 1 "$ktls" kernel
	ends 1 "$ktls" kernel listen echo
	ends 1 "$ktls" kernel listen nonesuch 127.0.0.1:0
	ends 1 "$ktls" kernel show 4711
	has show "$out" 'No such file'
	ends 1 "$ktls" kernel close 4711
	ends 1 "$ktls" kernel connect --peername "$(printf %05000d 0)" echo \
		127.0.0.1:1
	has peername "$out" '--peername'
	ends 0 "$ktls" kernel --help
	rmmod ktls_consumer
	ends 1 "$ktls" kernel list
	has "no module" "$out" 'no module'
	insmod "$module"
}

strip --strip-debug -o "$module" \
	"${KTLS_TEST_MODULES:-$top/build/modules}/kmod/ktls_consumer.ko"
# Keys that are made stay until the end, and the agent has them, too
keyctl new_session >/dev/null
tests="load usage nobody services much many listed closed interrupted busy
	closed_while_sending ipv6
	openssl_client openssl_server key_update bad_records counted
	wrong_certificates no_keys limits control_records tickets
	slow_handshakes ends_badly unread never_read crowded own_certificate
	no_such_key rights namespaces silence kept removal"
# keys of this type come with it, where there is NVMe
! modprobe -q nvme-keyring || tests+=" psk"
insmod "$module" || {
	echo "Bail out! no module"
	exit 1
}
# shellcheck disable=SC2086	# a list of words
run_tests ${KTLS_TEST_ONLY:-$tests}
