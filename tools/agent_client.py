#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Get a page by HTTPS, or serve one, with the TLS of 'ktls agent'.

    agent_client.py [OPTION]... get HOST PORT [PATH]
    agent_client.py [OPTION]... serve PORT

The agent does the handshake, the kernel encrypts and decrypts, and this
program, which has no TLS and no key, uses the socket.  It needs nothing but
Python's standard library.  As it leaves the state of the connection alone (see
ktls_agent.h), it does without changes of keys, which is fine for what is short.
"""

import argparse
import array
import socket
import struct
import sys

PATH = "/run/ktls/agent.sock"
SERVER, CLIENT = 1, 2
KERNEL = 1                              # enum ktls_path: it, or fail
TX, RX = 1, 2

SOL_TLS, TLS_SET_RECORD_TYPE, TLS_GET_RECORD_TYPE = 282, 1, 2
ALERT, HANDSHAKE, DATA = 21, 22, 23
KEY_UPDATE = 24

ASK = {
    "role": (1, "B"), "credential": (2, "s"), "server_name": (3, "s"),
    "alpn": (4, "s"), "timeout": (5, "I"), "verify": (6, "B"),
    "min_version": (7, "H"), "max_version": (8, "H"),
    "tx": (9, "B"), "rx": (10, "B"),
}
TELL = {
    32: ("error", "I"), 33: ("error_text", "s"), 34: ("alert_sent", "B"),
    35: ("alert_received", "B"), 40: ("kernel", "B"), 41: ("state", "b"),
    42: ("tls", "H"), 43: ("suite", "H"), 44: ("suite_name", "s"),
    45: ("group", "H"), 46: ("alpn", "s"), 47: ("asked_name", "s"),
    48: ("resumed", "B"), 49: ("peer_verified", "B"),
    50: ("peer_subject", "s"), 51: ("peer_sha256", "b"),
    52: ("tx_why", "s"), 53: ("rx_why", "s"),
}


class AgentError(Exception):
    """What the agent said, in .answer"""

    def __init__(self, answer):
        super().__init__(answer.get("error_text", "the agent has ended"))
        self.answer = answer


def pack(fields):
    out = struct.pack("!4sHH", b"kTLA", 1, 1)
    for name, value in fields.items():
        number, kind = ASK[name]
        value = (value.encode() if kind == "s" else
                 struct.pack("!" + kind, value))
        out += struct.pack("!II", number, len(value)) + value
    return out


def unpack(message):
    if message[:8] != struct.pack("!4sHH", b"kTLA", 1, 2):
        raise AgentError({})
    answer, at = {}, 8
    while at < len(message):
        number, size = struct.unpack_from("!II", message, at)
        value = message[at + 8:at + 8 + size]
        at += 8 + size
        name, kind = TELL.get(number, (None, None))
        if name:
            answer[name] = (value if kind == "b" else
                            value.decode(errors="replace") if kind == "s" else
                            struct.unpack("!" + kind, value)[0])
    return answer


def handshake(path, sock, **fields):
    """What was negotiated; afterwards the socket is plaintext to us."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as agent:
        agent.connect(path)
        rights = array.array("i", [sock.fileno()])
        agent.sendmsg([pack(fields)],
                      [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        try:
            message = agent.recv(131072)
        except ConnectionResetError:
            # it did not read the request, but may have said why
            message = agent.recv(131072)
        answer = unpack(message)
    if answer.get("error", 1):
        raise AgentError(answer)
    return answer


def receive(sock, size=16384):
    """Some data; b"" when the peer has closed in good order"""
    while True:
        data, controls, _, _ = sock.recvmsg(size, socket.CMSG_SPACE(1))
        kind = next((c[2][0] for c in controls
                     if c[:2] == (SOL_TLS, TLS_GET_RECORD_TYPE)), DATA)
        if kind == DATA and data:
            return data
        if kind == DATA:
            raise EOFError("the stream was cut: no close_notify")
        if kind == ALERT:
            if data[1:] == b"\0":
                return b""
            raise ConnectionError("alert %s" % data.hex())
        if kind != HANDSHAKE or data[:1] == bytes([KEY_UPDATE]):
            raise ConnectionError("a change of keys, which needs libktls")
        # a ticket of the server: we resume nothing


def close_notify(sock):
    sock.sendmsg([b"\1\0"], [(SOL_TLS, TLS_SET_RECORD_TYPE, bytes([ALERT]))])
    sock.shutdown(socket.SHUT_WR)


def describe(answer):
    for name, value in answer.items():
        if name == "state":
            value = "%d bytes" % len(value)
        elif isinstance(value, bytes):
            value = value.hex()
        print("* %s: %s" % (name, value), file=sys.stderr)


def get(args, fields):
    with socket.create_connection((args.host, args.port)) as sock:
        describe(handshake(args.socket, sock, role=CLIENT,
                           server_name=args.host, **fields))
        sock.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                      "\r\n" % (args.path, args.host)).encode())
        while data := receive(sock):
            sys.stdout.buffer.write(data)
        close_notify(sock)


def answer_one(args, fields, sock):
    describe(handshake(args.socket, sock, role=SERVER, **fields))
    request = b""
    while b"\r\n\r\n" not in request and len(request) < 65536:
        data = receive(sock)
        if not data:
            return
        request += data
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n"
                 b"Connection: close\r\n\r\nhello\n")
    close_notify(sock)
    while receive(sock):
        pass


def serve(args, fields):
    with socket.create_server(("localhost", args.port)) as listener:
        print("listening on port %d" % listener.getsockname()[1], flush=True)
        while True:
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(30)
                try:
                    answer_one(args, fields, sock)
                except (AgentError, OSError, EOFError) as e:
                    print("agent_client: %s" % e, file=sys.stderr)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--socket", default=PATH, help="the agent's (%(default)s)")
    p.add_argument("--credential", default="web", help="(%(default)s)")
    sub = p.add_subparsers(dest="command", required=True)
    s = sub.add_parser("get", help="print a page")
    s.add_argument("host")
    s.add_argument("port", type=int)
    s.add_argument("path", nargs="?", default="/")
    s = sub.add_parser("serve", help="greet who comes, until killed")
    s.add_argument("port", type=int)
    args = p.parse_args()
    fields = {"credential": args.credential, "alpn": "http/1.1",
              "tx": KERNEL, "rx": KERNEL}
    try:
        (get if args.command == "get" else serve)(args, fields)
    except (AgentError, OSError, EOFError) as e:
        sys.exit("agent_client: %s" % e)


if __name__ == "__main__":
    main()
