#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""upcall_stranger.py HOST PORT FILE N

Asks an NFS server for TLS (RFC 9289 4.1) as often as N says and then says
nothing; once more, and talks nonsense; and once more, and goes.  Makes FILE when
it has, and stays.
"""
import signal
import socket
import struct
import sys

AUTH_TLS = 7
NFS = 100003
# xid, CALL, version of RPC, program, version, NULL, credential, verifier
CALL = struct.pack(">10I", 1, 0, 2, NFS, 4, 0, AUTH_TLS, 0, 0, 0)


def start(address):
    s = socket.create_connection(address, 60)
    s.sendall(struct.pack(">I", 0x80000000 | len(CALL)) + CALL)
    answer = b""
    while len(answer) < 4 + 32:
        more = s.recv(100)
        if not more:
            sys.exit("the server goes away: " + answer.hex())
        answer += more
    if b"STARTTLS" not in answer:
        sys.exit("the server does no TLS: " + answer.hex())
    return s


def main():
    host, port, name, n = sys.argv[1:]
    address = (host, int(port))
    held = [start(address) for _ in range(int(n) + 1)]
    held[-1].sendall(b"GET / HTTP/1.1\r\n\r\n")
    start(address).close()
    open(name, "w").close()
    while True:
        signal.pause()


main()
