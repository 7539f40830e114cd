#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ktls run" and "ktls connect": programs that know nothing of TLS, at either
# end of it.  Runs on each kernel; where there is kTLS, the kernel must carry
# what it is asked to.  Speaks KTAP.

# shellcheck source=selftests/tool_lib.sh
. "$(dirname "$0")/tool_lib.sh"

runs()	# [OPTION]... -- PROGRAM [ARG]...: each connection gets one
{
	listens run -c "$pki/p256.pem" -k "$pki/p256.key" "$@"
}

joins()	# [OPTION]... [-- PROGRAM [ARG]...]: to the server begun last
{
	local options=()

	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	within "$ktls" connect --cafile "$pki/ca.pem" --name localhost \
		"${options[@]}" 127.0.0.1 "$port" "$@"
}

ends_joined()	# STATUS [OPTION]... [-- PROGRAM [ARG]...]; $out
{
	local want=$1 got=0

	shift
	out=$(joins "$@" 2>&1) || got=$?
	is "status of ktls connect $* ($out)" "$got" "$want"
}

logged()	# REGEX: sooner or later
{
	until_true grep -qE -- "$1" "$log" || {
		cat "$log"
		return 1
	}
}

childless()
{
	! pgrep -P "$server" >/dev/null
}

failed()	# N: handshakes
{
	[ "$(grep -c 'handshake failed' "$log")" = "$1" ]
}

big=$tmp/big
size=16M
[ -z "${KTLS_VM-}" ] || size=2M
head -c $size /dev/urandom >"$big"

# ---- bytes -----------------------------------------------------------------

echoes()	# VERSION [OPTION-OF-RUN]...: both ways at once, by ktls connect
{
	runs --tls "$1" "${@:2}" -- cat
	is "$*" "$(joins <"$big" | sum)" "$(sum "$big")"
	logged ' exit=0 end=closed$'
}

echo_13() { echoes 1.3; has paths "$(cat "$log")" "tx=\"?$best.* rx=\"?$best"; }
echo_12() { echoes 1.2; has paths "$(cat "$log")" "tx=\"?$best.* rx=\"?$best"; }
echo_user() { echoes 1.3 --tx user --rx user; }
echo_rx_user() { echoes 1.3 --rx user; }
echo_tx_user() { echoes 1.3 --tx user; }

# One way, then the other, by somebody else's TLS, of which it is known how much
# it takes in
by_openssl()
{
	local size

	size=$(stat -c %s "$big")
	# shellcheck disable=SC2016	# for the program
	runs "$@" -- sh -c 'head -c "$0" | sha256sum; cat "$1"' "$size" "$big"
	talk <"$big" >"$dir/got"
	is "sent" "$(head -c 64 "$dir/got")" "$(sum "$big")"
	is "received" "$(tail -c "$size" "$dir/got" | sum)" "$(sum "$big")"
}

openssl_13() { by_openssl --tls 1.3; }
openssl_12() { by_openssl --tls 1.2; }

# The end of what the client sends is the end of the program's input, and what
# the program then has to say still gets there.
half_close()
{
	runs -- sha256sum
	is digest "$(joins <"$big" | cut -c1-64)" "$(sum "$big")"
}

# ... and the other way: a program that has said all goes on listening
half_close_back()
{
	# shellcheck disable=SC2016
	runs -- sh -c 'echo hello; exec >&-; sha256sum >"$0"' "$dir/heard"
	# shellcheck disable=SC2016
	joins -- sh -c 'read -r line <&6 && [ "$line" = hello ] &&
		! read -r line <&6 && cat "$0" >&7' "$big"
	logged ' end=closed$'
	is digest "$(cut -c1-64 "$dir/heard")" "$(sum "$big")"
}

# ... but not if the client is to wait for the server
keep_open()
{
	runs -- python3 -c 'import select, sys
line = sys.stdin.buffer.raw.readline()
print(line, select.select([0], [], [], 1)[0])'
	is told "$(echo hello | joins --keep-open)" "b'hello\\n' []"
}

# Who has heard enough is not kept, as by any other filter.
enough()
{
	runs -- yes
	# shellcheck disable=SC2016
	is "told, and status" "$(joins <>"$tmp/never" | head -n 1
		echo "${PIPESTATUS[0]}")" $'y\n1'
	has reason "$(joins 2>&1 >/dev/full <>"$tmp/never")" \
		'stdout: No space left on device$'
}

# A program that does not read is no obstacle to what it writes.
unread()
{
	# shellcheck disable=SC2016
	runs -- sh -c 'exec <&-; cat "$0"' "$big"
	is sum "$(joins <"$big" | sum)" "$(sum "$big")"
}

# ---- who encrypts ----------------------------------------------------------

count()	# PREFIX
{
	local name value

	while read -r name value; do
		declare -g "$1_$name=$value"
	done </proc/net/tls_stat
}

# The kernel's own counters, of a client that has none of it, and of both ends
counted()
{
	local size

	size=$(stat -c %s "$big")
	# shellcheck disable=SC2016
	runs --tx kernel --rx kernel -- sh -c 'head -c "$0" | sha256sum' "$size"
	count before
	is digest "$(talk <"$big" | cut -c1-64)" "$(sum "$big")"
	count after
	# shellcheck disable=SC2154	# set by count
	is TlsTxSw $((after_TlsTxSw - before_TlsTxSw)) 1
	# shellcheck disable=SC2154
	is TlsRxSw $((after_TlsRxSw - before_TlsRxSw)) 1
	# shellcheck disable=SC2154
	is TlsDecryptError "$after_TlsDecryptError" "$before_TlsDecryptError"
	# shellcheck disable=SC2016
	ends_joined 0 --tx kernel --rx kernel -- sh -c 'cat /proc/net/tls_stat
		echo "$KTLS_TX $KTLS_RX"; head -c "$0" /dev/zero >&7' "$size"
	has sending "$out" '^TlsCurrTxSw[[:space:]]+2$'
	has receiving "$out" '^TlsCurrRxSw[[:space:]]+2$'
	has variables "$out" '^kernel kernel$'
}

# The socket itself: the kernel has its own way from a file to it.
sends='import os, socket, sys
line = os.read(0, 100)
assert line == b"big\n", line
s = socket.socket(fileno=os.dup(1))
assert s.getsockname()[1] == int(os.environ["TCPLOCALPORT"])
with open(sys.argv[1], "rb") as f:
    s.sendfile(f)
assert os.environ["KTLS_TX"] == os.environ["KTLS_RX"] == "kernel"'

the_socket()
{
	if ! has_ktls; then
		ends 1 "$ktls" run --socket -c "$pki/p256.pem" \
			-k "$pki/p256.key" -- cat
		has reason "$out" '^ktls run: .*kernel'
		return
	fi
	runs --socket -- python3 -c "$sends" "$big"
	is sum "$(echo big | joins | sum)" "$(sum "$big")"
	logged ' tx=kernel rx=kernel time=[0-9.]+ exit=0 end=closed$'
	stop_server
	# shellcheck disable=SC2016
	runs --socket -- sh -c 'echo begin; kill -SEGV $$'
	ends_joined 5 </dev/null
	has "what came" "$out" '^begin$'
	logged ' signal=SEGV end=cut$'
}

# The peer changes its key, and wants ours changed, amid the program's data.
key_update()
{
	runs -- cat
	coproc within openssl s_client -CAfile "$pki/ca.pem" \
		-connect "127.0.0.1:$port" 2>&1
	others+=("$COPROC_PID")
	for line in one K two k three K four; do
		echo "$line" >&"${COPROC[1]}"
		case $line in
		[kK]) expect KEYUPDATE ;;
		*) expect "^$line\$" ;;
		esac
	done
	echo Q >&"${COPROC[1]}"
	cat <&"${COPROC[0]}" >/dev/null
	logged ' sent=19 received=19 .* end=closed$'
}

expect()	# REGEX: a line of the coprocess
{
	local line

	while IFS= read -r -t "$limit" line <&"${COPROC[0]}"; do
		! [[ $line =~ $1 ]] || return 0
	done
	echo "never came: $1"
	return 1
}

# ---- what the program knows ------------------------------------------------

variables='env | sort | grep -E \
	"^(PROTO|TCP.*|SSL_(PROTOCOL|CIPHER|TLS.*|ALPN|PEER.*)|KTLS_[TR]X)="'

environment()
{
	local here

	export SSL_PEER_CERT_HASH=forged SSL_PEER_VERIFIED=1 \
		TCPREMOTEINFO=forged SSL_ALPN=forged
	runs -- sh -c "$variables"
	joins </dev/null >"$dir/got"
	here=$(sed -n 's/^TCPREMOTEPORT=//p' "$dir/got")
	has port "$here" '^[0-9]+$'
	is variables "$(cat "$dir/got")" "KTLS_RX=$best
KTLS_TX=$best
PROTO=TCP
SSL_CIPHER=TLS_AES_128_GCM_SHA256
SSL_PROTOCOL=TLSv1.3
SSL_TLS_SNI_SERVERNAME=localhost
TCPLOCALIP=127.0.0.1
TCPLOCALPORT=$port
TCPREMOTEIP=127.0.0.1
TCPREMOTEPORT=$here"
	ends_joined 0 --stdio -- sh -c "$variables >&2"
	has "client's" "$out" "^TCPREMOTEPORT=$port\$"
	has "client's" "$out" "^SSL_PEER_VERIFIED=1\$"
	has "client's" "$out" "^SSL_PEER_CERT_HASH=sha256:$(print_of p256)\$"
}

print_of()	# CERTIFICATE
{
	openssl x509 -in "$pki/$1.pem" -outform DER | sum
}

client_cert()
{
	runs --client-ca "$pki/ca.pem" --alpn two,one -- sh -c "$variables"
	for _ in 1 2; do
		joins --alpn one -c "$pki/client.pem" -k "$pki/client.key" \
			</dev/null >"$dir/got"
		has verified "$(cat "$dir/got")" '^SSL_PEER_VERIFIED=1$'
		has alpn "$(cat "$dir/got")" '^SSL_ALPN=one$'
		has subject "$(cat "$dir/got")" \
			'^SSL_PEER_CERT_SUBJECT=.*client'
		has hash "$(cat "$dir/got")" \
			"^SSL_PEER_CERT_HASH=sha256:$(print_of client)\$"
	done
	ends_joined 3 </dev/null
	logged 'end="handshake failed" reason="client sent no certificate"'
}

# Nothing but its three files is the program's, and nothing is left open here.
files()
{
	local before after

	# shellcheck disable=SC2016
	runs -- sh -c 'ls /proc/$$/fd; readlink /proc/$$/fd/0'
	joins </dev/null >"$dir/got"
	has files "$(xargs <"$dir/got")" '^0 1 2 pipe:'
	if [ "$(id -u)" != 0 ]; then
		# not even to the same user
		ends 2 ls "/proc/$server/fd"
		return
	fi
	before=$(ls "/proc/$server/fd")
	for _ in 1 2 3 4 5; do
		joins </dev/null >"$dir/got"
	done
	until_true childless
	after=$(ls "/proc/$server/fd")
	is files "$after" "$before"
}

# A key that root alone can read, and processes that nobody else can look into
user()
{
	cp "$pki/p256.pem" "$pki/p256.key" "$dir"
	chmod 600 "$dir/p256.key"
	if [ "$(id -u)" != 0 ]; then
		ends 1 "$ktls" run --user nobody -c "$dir/p256.pem" \
			-k "$dir/p256.key" -- cat
		has reason "$out" 'only root can'
		return
	fi
	# shellcheck disable=SC2016
	listens run --user nobody -c "$dir/p256.pem" -k "$dir/p256.key" -- \
		sh -c 'id -un; id -Gn; exec 2>&1; cat "$0"; ls /proc/$PPID/fd
			cat /proc/$PPID/mem; kill -0 $1' "$dir/p256.key" "$$"
	joins </dev/null >"$dir/got"
	has names "$(head -n 2 "$dir/got" | xargs)" '^nobody no'
	is refusals "$(grep -cE '(denied|not permitted)$' "$dir/got")" 4
	stop_server
	listens run --user nobody -c "$dir/p256.pem" -k "$dir/p256.key" \
		--resident -- python3 -c 'import os, socket
s = socket.socket(fileno=3)
while True:
    c, _ = s.accept()
    c.sendall(b"%d\n" % os.getuid())
    c.close()'
	is resident "$(joins </dev/null)" "$(id -u nobody)"
}

# ---- several at once -------------------------------------------------------

many()
{
	local i pids=()

	runs --max 3 -- sha256sum
	for i in {1..12}; do
		printf %s "$i" | joins >"$dir/got$i" &
		pids+=($!)
	done
	for i in {1..12}; do
		wait "${pids[i - 1]}"
		is "$i" "$(cut -c1-64 "$dir/got$i")" "$(printf %s "$i" | sum)"
	done
}

# Those who connect and say nothing, a part of a hello, or what is none
hostile()
{
	local fds=() i fd

	runs --timeout $((3 * slow)) --max 20 -- echo served
	for i in {1..8}; do
		exec {fd}<>"/dev/tcp/127.0.0.1/$port"
		fds+=("$fd")
		case $((i % 4)) in
		0) ;;
		1) printf '\x16\x03\x01\x02\x00\x01\x00\x01\xfc' >&"$fd" ;;
		2) printf 'GET / HTTP/1.0\r\n\r\n' >&"$fd" ;;
		3) head -c 4096 /dev/urandom >&"$fd" ;;
		esac
	done
	is others "$(joins </dev/null)" served
	until_true failed 8
	has reason "$(cat "$log")" 'reason="Connection timed out"'
	for fd in "${fds[@]}"; do
		exec {fd}>&-
	done
	is after "$(joins </dev/null)" served
}

# Who takes nothing of what a program has left has its place for a while only.
stalled()
{
	runs --max 1 --stall-timeout 0.5 -- python3 -c "$leaves"
	coproc python3 -c "$takes_none" "$port"
	others+=("$COPROC_PID")
	logged ' exit=0 end="sending: Connection timed out"$'
	is after "$(joins </dev/null | head -c 5)" xxxxx
}

# ... what the connection takes no more of
leaves='import os, select
os.set_blocking(1, False)
try:
    while select.select([], [1], [], 2)[1]:
        os.write(1, b"x" * 4096)
except BrokenPipeError:
    pass'

takes_none='import socket, ssl, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.connect(("127.0.0.1", int(sys.argv[1])))
s = ssl._create_unverified_context().wrap_socket(s)
sys.stdin.read()'

# From one address no more than that, and then again
per_address()
{
	local fd status=0

	runs --max-per-address 1 -- echo served
	exec {fd}<>"/dev/tcp/127.0.0.1/$port"
	# the process is there before the next is accepted
	joins </dev/null >"$dir/got" 2>&1 || status=$?
	is status "$status" 3
	exec {fd}>&-
	logged 'handshake failed'
	until_true childless
	is after "$(joins </dev/null)" served
}

# ---- ends that are not as they should be -----------------------------------

# The client must not take for all what a program has written until it crashed.
crash()
{
	# shellcheck disable=SC2016
	runs -- sh -c 'echo begin; kill -SEGV $$'
	ends_joined 5 </dev/null
	has "what came" "$out" '^begin$'
	has reason "$out" 'end of stream without close_notify$'
	logged ' signal=SEGV end=cut$'
	stop_server
	runs -- sh -c 'echo begin; exit 7'
	ends_joined 0 </dev/null
	logged ' exit=7 end=closed$'
	stop_server
	runs -- /nonexistent/program
	ends_joined 0 </dev/null
	logged '^ktls run: /nonexistent/program: No such file'
	logged ' exit=127 end=closed$'
}

# What stdin did not give is missing at the other end, and that is no success
bad_stdin()
{
	runs -- sh -c 'trap "" HUP; cat'
	ends_joined 1 <"$dir"
	has reason "$out" '^ktls connect: stdin: Is a directory$'
	logged 'end="receiving: end of stream without close_notify"'
}

# It takes nothing, and what it sends does not decrypt: our alert finds no room
deaf='import fcntl, select, signal, socket, ssl, sys, termios
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
c, _ = listener.accept()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.num_tickets = 0
come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(come, go, True)
done = False
while not done:
    try:
        tls.do_handshake()
        done = True
    except ssl.SSLWantReadError:
        c.sendall(go.read())
        come.write(c.recv(65536))
queued = None
while queued != (have := fcntl.ioctl(c, termios.FIONREAD, bytes(4))):
    queued = have
    select.select([], [], [], 0.3)
c.sendall(b"\x17\x03\x03\0\x20" + 32 * b"x")
signal.pause()'

deaf_peer()
{
	coproc python3 -c "$deaf" "$pki/p256.pem" "$pki/p256.key"
	others+=("$COPROC_PID")
	read -r port <&"${COPROC[0]}"
	ends 3 "$ktls" connect --insecure 127.0.0.1 "$port" </dev/zero
	has reason "$out" 'record does not decrypt'
}

# Nor a program what a client has sent until it was gone
cut_off()
{
	: >"$dir/heard"
	# shellcheck disable=SC2016
	runs "$@" -- sh -c 'trap "echo cut >>\"$0\"; exit 1" HUP; read -r line
		echo "$line" >>"$0"; read -r line; echo "end" >>"$0"' \
		"$dir/heard"
	mkfifo "$dir/stdin"
	"$ktls" connect --insecure 127.0.0.1 "$port" <"$dir/stdin" \
		>/dev/null 2>"$dir/joins.log" &
	others+=($!)
	exec 7>"$dir/stdin"
	echo line >&7
	until_true grep -q line "$dir/heard"
	kill -KILL "${others[0]}"
	logged ' end="receiving: end of stream without close_notify"$'
	is heard "$(xargs <"$dir/heard")" "line cut"
	exec 7>&-
}

cut_off_user() { cut_off --rx user; }

# ... whatever signals those are told to ignore who start us
cut_off_nohup()
{
	trap '' HUP
	cut_off
}

no_children()
{
	ktls=$dir/deaf
	printf '#!/bin/sh\nexec python3 -c "%s" "%s" "$@"\n' 'import os, sys
from signal import *
signal(SIGCHLD, SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])' "$build/ktls" >"$ktls"
	chmod +x "$ktls"
	runs --max 1 -- sh -c 'exit 3'
	ends_joined 0 </dev/null
	logged ' exit=3 end=closed$'
	ends_joined 7 -- sh -c 'exit 7'
}

# No message of ours gets into a connection that has the number of stderr.
no_stderr()
{
	runs -- cat
	is got "$(echo hello | joins -v 2>&-)" hello
}

statuses()
{
	runs -- sh -c 'cat >/dev/null'
	ends_joined 7 -- sh -c 'exit 7'
	# shellcheck disable=SC2016
	ends_joined 137 -- sh -c 'kill -KILL $$'
	ends 3 "$ktls" connect --cafile "$pki/stranger-ca.pem" \
		--name localhost 127.0.0.1 "$port"
	ends 3 "$ktls" connect --cafile "$pki/ca.pem" \
		--name other.example 127.0.0.1 "$port"
	ends 1 "$ktls" connect 127.0.0.1
	ends 1 "$ktls" run -c "$pki/p256.pem" -k "$pki/p256.key"
	ends 1 "$ktls" run -- cat
	stop_server
	ends_joined 2
}

# ---- signals ---------------------------------------------------------------

# What runs may finish; what does not in time, is cut.
drain()
{
	# shellcheck disable=SC2016
	runs "$@" -- sh -c 'echo begun; read -r line; echo "$line"'
	mkfifo "$dir/stdin"
	: >"$dir/got"
	joins <"$dir/stdin" >"$dir/got" 2>&1 &
	exec 7>"$dir/stdin"
	until_true grep -q begun "$dir/got"
	kill -TERM "$server"
	logged 'draining: 1 connections'
}

drains()
{
	drain
	ends_joined 2 </dev/null
	echo line >&7
	exec 7>&-
	wait $! || cat "$dir/got"
	is got "$(xargs <"$dir/got")" "begun line"
	await_server
}

drains_late()
{
	local status=0

	drain --drain-timeout 0.2
	wait $! || status=$?
	is status "$status" 5
	exec 7>&-
	logged '1 connections cut'
	logged ' signal=TERM end=cut$'
	await_server
}

# Even if a program does what it can against that
drains_stubborn()
{
	# shellcheck disable=SC2016
	runs --drain-timeout 0.1 -- sh -c 'setsid -f sh -c "while
			kill -STOP \$0; do echo >\"\$1\"; done" $PPID "$0"' \
		"$dir/begun"
	joins </dev/null >"$dir/got" 2>&1 &
	until_true [ -e "$dir/begun" ]
	stop_server
	wait $! || cat "$dir/got"
}

reload()
{
	cp "$pki/p256.pem" "$dir/cert.pem"
	cp "$pki/p256.key" "$dir/key.pem"
	listens run -c "$dir/cert.pem" -k "$dir/key.pem" -- echo served
	is before "$(joins </dev/null)" served
	cp "$pki/p384.pem" "$dir/cert.pem"
	kill -HUP "$server"
	logged 'not reloaded'
	cp "$pki/p384.key" "$dir/key.pem"
	kill -HUP "$server"
	logged ' reloaded$'
	ends_joined 0 --stdio -- sh -c "$variables >&2"
	has hash "$out" "^SSL_PEER_CERT_HASH=sha256:$(print_of p384)\$"
}

# A ticket of one process is good in another.
resumes()
{
	runs -- echo served
	talk -sess_out "$dir/session" </dev/null >"$dir/got"
	talk -sess_in "$dir/session" </dev/null >"$dir/got"
	is got "$(cat "$dir/got")" served
	logged ' resumed=1 '
}

# ---- a program that people have --------------------------------------------

cgi='import http.server, os, sys

class Handler(http.server.SimpleHTTPRequestHandler):
    def setup(self):
        self.rfile, self.wfile = sys.stdin.buffer, sys.stdout.buffer

    def finish(self):
        self.wfile.flush()

Handler(None, (os.environ["TCPREMOTEIP"], os.environ["TCPREMOTEPORT"]), None)'

http()
{
	mkdir "$dir/www"
	cp "$big" "$dir/www/big"
	cd "$dir/www"
	runs -- python3 -c "$cgi"
	is sum "$(web /big | sum)" "$(sum "$big")"
	is status "$(code /none)" 404
}

# ---- servers without TLS ---------------------------------------------------

# Starts a server that says on its first line where it listens: $where
plain()	# PYTHON-ARGUMENT...
{
	mkfifo "$dir/plain"
	python3 -u "$@" >"$dir/plain" 2>"$dir/plain.log" &
	others+=($!)
	read -r -t "$limit" where <"$dir/plain"
}

# One that people have, as it is
to_http()
{
	mkdir "$dir/www"
	cp "$big" "$dir/www/big"
	plain -m http.server --bind 127.0.0.1 -d "$dir/www" 0
	[[ $where =~ port\ ([0-9]+) ]]
	runs "$@" --to "127.0.0.1:${BASH_REMATCH[1]}"
	is sum "$(web /big | sum)" "$(sum "$big")"
	is status "$(code /none)" 404
	has log "$(cat "$log")" "tx=\"?$best.* rx=\"?$best.* end=closed\$"
}

# An echo for one connection, which tells how that ended.  Its address is IPv4,
# or a path.
once='import socket, sys
if len(sys.argv) > 1:
    s = socket.socket(socket.AF_UNIX)
    s.bind(sys.argv[1])
else:
    s = socket.create_server(("127.0.0.1", 0))
s.listen()
print(s.getsockname()[1])
c, _ = s.accept()
try:
    while data := c.recv(65536):
        c.sendall(data)
    print("end", file=sys.stderr)
except ConnectionResetError:
    print("reset", file=sys.stderr)'

to_echo()
{
	plain -c "$once"
	runs --to "127.0.0.1:$where"
	is sum "$(joins <"$big" | sum)" "$(sum "$big")"
	logged ' end=closed$'
	is "seen there" "$(cat "$dir/plain.log")" end
	# it is gone
	ends_joined 5 </dev/null
	logged ' end="no server behind"$'
}

to_path()
{
	plain -c "$once" "$dir/socket"
	runs --to "$dir/socket"
	is sum "$(joins <"$big" | sum)" "$(sum "$big")"
}

# The server must not take for all what a client has sent until it was gone.
to_cut()
{
	plain -c "$once"
	runs --to "127.0.0.1:$where"
	mkfifo "$dir/stdin"
	: >"$dir/got"
	"$ktls" connect --insecure 127.0.0.1 "$port" <"$dir/stdin" \
		>"$dir/got" 2>"$dir/joins.log" &
	others+=($!)
	exec 7>"$dir/stdin"
	echo line >&7
	until_true grep -q line "$dir/got"
	kill -KILL "${others[1]}"
	logged ' end="receiving: end of stream without close_notify"$'
	until_true [ -s "$dir/plain.log" ]
	is "seen there" "$(cat "$dir/plain.log")" reset
	exec 7>&-
}

# Nor a client what the server has sent until it was gone, whichever of the
# threads that read and write there is told.
resets='import socket, struct, sys
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])
for wanted in 5, 500000:
    c, _ = s.accept()
    c.recv(wanted, socket.MSG_WAITALL)
    c.sendall(b"begin\n")
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()'

to_reset()
{
	plain -c "$resets"
	runs --to "127.0.0.1:$where"
	ends_joined 5 < <(printf hello)
	has "what came" "$out" '^begin$'
	has reason "$out" 'end of stream without close_notify$'
	logged ' end=cut$'
	ends_joined 5 <"$big"
}

# What it is told of the client, as it reads it
told='import socket, struct, sys
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])
c, _ = s.accept()
f = c.makefile("rb")
assert f.read(12) == b"\r\n\r\n\0\r\nQUIT\n"
kind, family, length = struct.unpack("!BBH", f.read(4))
rest = f.read(length)
a, b, p, q = struct.unpack("!4s4sHH", rest[:12])
print("%02x %02x" % (kind, family), socket.inet_ntoa(a), p,
      socket.inet_ntoa(b), q, file=sys.stderr)
def parts(data):
    while data:
        t, n = struct.unpack("!BH", data[:3])
        value, data = data[3:3 + n], data[3 + n:]
        if t == 0x20:
            print("20", *struct.unpack("!BI", value[:5]), file=sys.stderr)
            parts(value[5:])
        else:
            print("%02x %s" % (t, value.decode()), file=sys.stderr)
parts(rest[12:])
c.sendall(f.read(5))'

proxy()
{
	local from

	plain -c "$told"
	runs --to "127.0.0.1:$where" --proxy --alpn echo \
		--client-ca "$pki/ca.pem"
	is got "$(printf hello | joins --alpn echo -c "$pki/client.pem" \
		-k "$pki/client.key")" hello
	logged ' end=closed$'
	from=$(sed -n 's/.* peer=127.0.0.1:\([0-9]*\) .*/\1/p' "$log")
	is told "$(cat "$dir/plain.log")" "21 11 127.0.0.1 $from 127.0.0.1 $port
01 echo
02 localhost
20 3 0
21 TLSv1.3
23 TLS_AES_128_GCM_SHA256"
}

# ---- a program that stays --------------------------------------------------

resident='import http.server, os, socket, sys
assert os.environ["LISTEN_FDS"] == "1"
assert os.environ["LISTEN_PID"] == str(os.getpid())
class Handler(http.server.SimpleHTTPRequestHandler):
    def address_string(self):
        return "unix"
class Server(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(None, Handler, bind_and_activate=False)
        self.socket = socket.socket(fileno=3)
Server().serve_forever()'

resides()
{
	local pid

	mkdir "$dir/www"
	cp "$big" "$dir/www/big"
	cd "$dir/www"
	runs --resident -- python3 -c "$resident"
	is sum "$(web /big | sum)" "$(sum "$big")"
	is status "$(code /none)" 404
	pid=$(pgrep -P "$server" python3)
	has process "$pid" '^[0-9]+$'	# one
	has files "$(find "/proc/$pid/fd" -type l -printf '%f ' )" '^0 1 2 3 '
	stop_server
	! kill -0 "$pid" 2>/dev/null
}

resident_ends()
{
	local status=0

	runs --resident -- sh -c 'exit 7'
	wait "$server" || status=$?
	servers=()
	is status "$status" 1
	has log "$(cat "$log")" 'sh: ended with status 7$'
	ends 1 "$ktls" run -c "$pki/p256.pem" -k "$pki/p256.key" \
		--to 127.0.0.1:1 -- cat
}

rekeys()
{
	"$ktls" probe --json | jq -e '.ktls.rekey_tx == null and
		.ktls.rekey_rx == null' >/dev/null
}

best=user
more=(key_update)
if has_ktls; then
	best=kernel
	rekeys || more=()
	more+=(counted)
fi
if [ -z "${KTLS_VM-}" ]; then
	more+=(echo_user keep_open enough environment client_cert files user many
		hostile stalled per_address statuses drains drains_late drains_stubborn reload
		resumes http cut_off_user cut_off_nohup no_children no_stderr
		to_http to_path proxy resides resident_ends)
fi
run_tests echo_13 echo_12 echo_rx_user echo_tx_user openssl_13 openssl_12 \
	half_close half_close_back unread deaf_peer crash bad_stdin cut_off \
	to_echo to_cut to_reset the_socket "${more[@]}"
