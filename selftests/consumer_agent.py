#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""An agent of the kernel's handshake upcall that shakes no hands

consumer_agent.py [CIPHER SEQUENCE [KEEP]]: says that all went well, and has
installed keys, the same each way, of that cipher (TLS_CIPHER_*, 51 to 54), whose
next record has that number; or none.  KEEP 1: it does not close the sockets.
It prints "ready" once it can be asked.
"""
import os
import socket
import struct
import sys

GENL_ID_CTRL = 16
CTRL_CMD_GETFAMILY, CTRL_FAMILY_ID, CTRL_FAMILY_NAME, CTRL_GROUPS = 3, 1, 2, 7
GROUP_NAME, GROUP_ID = 1, 2
SOL_NETLINK, ADD_MEMBERSHIP = 270, 1
REQUEST_ACK, NLMSG_ERROR = 5, 2
ACCEPT, ACCEPT_SOCKFD, ACCEPT_CLASS, TLSHD = 2, 1, 2, 1
DONE, DONE_STATUS, DONE_SOCKFD = 3, 1, 2
TCP_ULP, SOL_TLS, TLS_TX, TLS_RX, TLS_1_3 = 31, 282, 1, 2, 0x0304
IV_KEY_SALT = {51: 8 + 16 + 4, 52: 8 + 32 + 4, 53: 8 + 16 + 4, 54: 12 + 32}


def attr(kind, value):
    return struct.pack("HH", 4 + len(value), kind) + value + \
        bytes(-len(value) % 4)


def attrs(data):
    found = {}
    while data:
        length, kind = struct.unpack_from("HH", data)
        found[kind & 0x3fff] = data[4:length]
        data = data[length + 3 & ~3:]
    return found


def ask(sock, family, cmd, *args):
    """The error, 0 or less, and the answer's attributes"""
    body = struct.pack("BBH", cmd, 1, 0) + b"".join(args)
    sock.send(struct.pack("IHHII", 16 + len(body), family, REQUEST_ACK, 0, 0) +
              body)
    answer = {}
    while True:
        data = sock.recv(65536)
        if struct.unpack_from("H", data, 4)[0] == NLMSG_ERROR:
            return struct.unpack_from("i", data, 16)[0], answer
        answer = attrs(data[20:])


def netlink():
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    sock.bind((0, 0))
    return sock


def install(fd, cipher, sequence):
    info = struct.pack("HH", TLS_1_3, cipher) + bytes(IV_KEY_SALT[cipher]) + \
        struct.pack(">Q", sequence)
    with socket.socket(fileno=os.dup(fd)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
        sock.setsockopt(SOL_TLS, TLS_TX, info)
        sock.setsockopt(SOL_TLS, TLS_RX, info)


def serve(cipher=0, sequence=0, keep=0):
    calls, events = netlink(), netlink()
    _, got = ask(calls, GENL_ID_CTRL, CTRL_CMD_GETFAMILY,
                 attr(CTRL_FAMILY_NAME, b"handshake\0"))
    family, = struct.unpack("H", got[CTRL_FAMILY_ID])
    for group in map(attrs, attrs(got[CTRL_GROUPS]).values()):
        if group[GROUP_NAME] == b"tlshd\0":
            events.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP,
                              struct.unpack("I", group[GROUP_ID])[0])
    print("ready", flush=True)
    while events.recv(65536):
        while True:
            err, got = ask(calls, family, ACCEPT,
                           attr(ACCEPT_CLASS, struct.pack("I", TLSHD)))
            if err:
                break
            fd, = struct.unpack("I", got[ACCEPT_SOCKFD])
            if cipher:
                install(fd, cipher, sequence)
            ask(calls, family, DONE,
                attr(DONE_STATUS, struct.pack("I", 0)),
                attr(DONE_SOCKFD, struct.pack("I", fd)))
            if not keep:
                os.close(fd)


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
