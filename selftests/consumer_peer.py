#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The other end of who has keys of consumer_agent.py 51 0

consumer_peer.py PORT RECORD...: connects; sends the records, each as TYPE:HEX;
prints those that come, until the end of the stream, in that form, but of data
how many bytes.  PORT 0: listens, and prints the port first.
"""
import socket
import sys

import consumer_agent

SOL_TLS, SET_RECORD_TYPE, DATA = 282, 1, 23


def begin(port):
    if port:
        return socket.create_connection(("127.0.0.1", port))
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    return listener.accept()[0]


def talk(port, *records):
    sock = begin(int(port))
    consumer_agent.install(sock.fileno(), 51, 0)
    for record in records:
        kind, data = record.split(":")
        sock.sendmsg([bytes.fromhex(data)],
                     [(SOL_TLS, SET_RECORD_TYPE, bytes([int(kind)]))])
    while True:
        data, control, _, _ = sock.recvmsg(65536, 32)
        if not control:
            return "end"
        kind = control[0][2][0]
        print(f"{kind}:{len(data) if kind == DATA else data.hex()}", end=" ")


try:
    print(talk(*sys.argv[1:]))
except OSError as e:
    print(e.strerror)
