#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""RPC with TLS (RFC 9289) as far as it can be done by hand: peers for the
kernel's NFS that are not the kernel.

upcall_rpc.py strangers PORT FILE N
    Asks a server for TLS, N times to say nothing then, once to talk nonsense,
    and once to go.  Makes FILE when it has, and stays.
upcall_rpc.py client PORT CA [CERT KEY]
    Asks for TLS, and over that for nothing (NULL), and says by what.
upcall_rpc.py server FILE CERT KEY
    Listens, and writes the port to FILE; grants TLS to whoever asks, gives
    tickets, and says what it is asked for then.
"""
import signal
import socket
import ssl
import struct
import sys

HOST = "127.0.0.1"
NONE, AUTH_TLS = 0, 7
NFS = 100003
MARK = b"STARTTLS"


def put(s, message):
    s.sendall(struct.pack(">I", 0x80000000 | len(message)) + message)


def take(s):
    data, want = b"", 4
    while len(data) < want:
        more = s.recv(want - len(data))
        if not more:
            sys.exit("the peer goes away")
        data += more
        if want == 4 and len(data) == 4:
            want += struct.unpack(">I", data)[0] & 0x7fffffff
    return data[4:]


def null_call(flavor):
    """xid, CALL, version of RPC, program, its version, NULL, credential,
    verifier"""
    return struct.pack(">10I", 1, 0, 2, NFS, 4, 0, flavor, 0, NONE, 0)


def ask_for_tls(port):
    s = socket.create_connection((HOST, port), 60)
    put(s, null_call(AUTH_TLS))
    answer = take(s)
    if MARK not in answer:
        sys.exit("the server does no TLS: " + answer.hex())
    return s


def strangers(port, name, n):
    held = [ask_for_tls(int(port)) for _ in range(int(n) + 1)]
    held[-1].sendall(b"GET / HTTP/1.1\r\n\r\n")
    ask_for_tls(int(port)).close()
    open(name, "w").close()
    while True:
        signal.pause()


def client(port, ca, *cert):
    context = ssl.create_default_context(cafile=ca)
    if cert:
        context.load_cert_chain(*cert)
    raw = ask_for_tls(int(port))
    with context.wrap_socket(raw, server_hostname="localhost") as s:
        put(s, null_call(NONE))
        # xid, REPLY, accepted, verifier, done
        if struct.unpack(">6I", take(s)) != (1, 1, 0, NONE, 0, 0):
            sys.exit("not the answer to NULL")
        print(s.version(), "ticket" if s.session.has_ticket else "no ticket")


def server(name, cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with socket.create_server((HOST, 0)) as listener:
        with open(name, "w") as f:
            print(listener.getsockname()[1], file=f, flush=True)
        raw = listener.accept()[0]
    call = struct.unpack(">8I", take(raw)[:32])
    if call[1:6] != (0, 2, NFS, 4, 0) or call[6] != AUTH_TLS:
        sys.exit("it does not ask for TLS: %s" % (call,))
    # xid, REPLY, accepted, verifier, done
    put(raw, struct.pack(">5I", call[0], 1, 0, NONE, len(MARK)) + MARK +
        struct.pack(">I", 0))
    with context.wrap_socket(raw, server_side=True) as s:
        # the client asks for nothing first, and has the answer after tickets
        call = struct.unpack(">6I", take(s)[:24])
        put(s, struct.pack(">6I", call[0], 1, 0, NONE, 0, 0))
        call = struct.unpack(">6I", take(s)[:24])
        print(s.version(), "program %d version %d procedure %d" % call[3:6])


def main():
    what = {f.__name__: f for f in (strangers, client, server)}
    what[sys.argv[1]](*sys.argv[2:])


main()
