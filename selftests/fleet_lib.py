# SPDX-License-Identifier: GPL-2.0-only
"""What serve_fleet_test.sh needs that is not a server or a client."""
import os
import socket
import struct
import sys
import threading
import time


def port():
    """A port of TCP that is free just now."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        print(s.getsockname()[1])


def rotate(file):
    """The next key seals, as if its time had come, and there is another."""
    with open(file, "rb") as f:
        old = f.read()
    keys = [old[at:at + 56] for at in range(5, len(old), 56)]
    period, = struct.unpack(">I", old[1:5])
    began, = struct.unpack(">Q", keys[1][:8])
    now = max(int(time.time()), began + 1)
    keys = [keys[1], struct.pack(">Q", now) + keys[2][8:],
            struct.pack(">Q", now + period) + os.urandom(48)]
    with open(os.open(file + ".new", os.O_WRONLY | os.O_CREAT, 0o600),
              "wb") as f:
        f.write(old[:5] + b"".join(keys))
    os.rename(file + ".new", file)


# ---- hellos ----------------------------------------------------------------

def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def flight_of(s):
    """A client's records up to the first of data, which is early."""
    flight = b""
    while True:
        head = exactly(s, 5)
        flight += head + exactly(s, struct.unpack(">H", head[3:])[0])
        if head[0] == 23:
            return flight


def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def record(file, to):
    """Keep what a client begins with, and lead it on, if anywhere."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        client, _ = listener.accept()
    flight = flight_of(client)
    if to:
        server = socket.create_connection(("127.0.0.1", int(to)))
        server.sendall(flight)
        back = threading.Thread(target=pump, args=(server, client))
        back.start()
        pump(client, server)
        back.join()
    with open(file + ".new", "wb") as f:
        f.write(flight)
    os.rename(file + ".new", file)


def replay(file, *ports):
    """To all of these at one time; until each has answered the hello."""
    with open(file, "rb") as f:
        flight = f.read()
    all = [socket.create_connection(("127.0.0.1", int(p))) for p in ports]
    for s in all:
        s.sendall(flight)
    for s in all:
        head = exactly(s, 5)
        assert head[0] == 22, head
        # the server has decided once there are its encrypted extensions
        exactly(s, struct.unpack(">H", head[3:])[0])
        s.close()


# ---- a store that is told what to say --------------------------------------

def tell(path, uptime):
    """It runs for so long, all is new, and it repeats what it does not know."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=talk, args=(client, uptime.encode()),
                         daemon=True).start()


def talk(client, uptime):
    info = b"# Server\r\nuptime_in_seconds:" + uptime + b"\r\n"
    while command := client.recv(4096):
        words = command.split(b"\r\n")[2::2]
        client.sendall({
            b"INFO": b"$%d\r\n%s\r\n" % (len(info), info),
            b"SET": b"+OK\r\n",
        }.get(words[0], b"-ERR unknown command, with args beginning with: "
              + b" ".join(words[1:2]) + b"\r\n"))


# ---- stores that lie -------------------------------------------------------

LIES = [
    b"",                                # and then the end
    b"*1000000000\r\n",
    b"*-1\r\n",
    b"*1\r\n" * 100,
    b"$2147483647\r\n",
    b"$99999999999999999999\r\n",
    b"$-5\r\n",
    b"$5\r\nabc",
    b"$3\r\nabcde",
    b"+OK\r\n+OK\r\n",
    b":99999999999999999999999\r\n",
    b"%1\r\n+a\r\n+b\r\n",
    b"\0" * 100,
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"-" + b"\x1b[2J\n\r" * 600,
    b"+" + b"x" * 1000000,
    None,                               # a byte at a time
]


def lie(path):
    """To each that connects, the next one; a line is printed for each."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    n = 0
    while True:
        client, _ = listener.accept()
        what = LIES[n % len(LIES)]
        n += 1
        try:
            client.recv(4096)
            if what is None:
                client.sendall(b"+")
                while True:
                    client.sendall(b"x")
                    time.sleep(0.01)
            client.sendall(what)
        except OSError:
            pass
        client.close()
        print(n, flush=True)


if __name__ == "__main__":
    {f.__name__: f for f in (port, rotate, record, replay, tell, lie)}[
        sys.argv[1]](*sys.argv[2:])
