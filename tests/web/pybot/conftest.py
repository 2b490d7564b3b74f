"""Sockets of our own without a server: one side is the real Socket, the other one a client that may break every rule."""

import contextlib
import os
import socket
import struct
import threading
import time

import pytest

from webbot.channel import Lagging
from webbot.web.socket import Limits, Socket, accepted

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class PlainLine:
    """What the server's connection is for a socket, over a socket of the standard library."""

    def __init__(self, sock):
        self.sock = sock

    def receive(self, size):
        return self.sock.recv(size)

    def sendall(self, data):
        self.sock.sendall(data)

    def cut(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


class Parrot:
    """A talk that says what it hears; `more` are messages it has to say beside."""

    def __init__(self, socket):
        self.socket, self.heard, self.more, self.closed = socket, [], [], threading.Event()
        self.lagging = False

    def begin(self):
        pass

    def hear(self, text):
        self.heard.append(text)
        self.socket.send(text)

    def next(self):
        if self.lagging:
            raise Lagging
        return self.more.pop(0) if self.more else None

    def speaks(self):
        return bool(self.more)

    def close(self):
        self.closed.set()


class Client:
    """Frames of the protocol by hand, so that they can be wrong."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, b""
        sock.settimeout(10)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1)
        self.head = head.decode()

    def send(self, opcode, payload=b"", *, final=True, masked=True, bits=0):
        self.sock.sendall(self.frame(opcode, payload, final=final, masked=masked, bits=bits))

    @staticmethod
    def frame(opcode, payload=b"", *, final=True, masked=True, bits=0):
        size = len(payload)
        head = bytes([final << 7 | bits | opcode])
        mark = 0x80 if masked else 0
        if size < 126:
            head += bytes([mark | size])
        elif size < 65536:
            head += bytes([mark | 126]) + struct.pack("!H", size)
        else:
            head += bytes([mark | 127]) + struct.pack("!Q", size)
        if not masked:
            return head + payload
        mask = os.urandom(4)
        repeated = mask * (size // 4 + 1)
        return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(repeated[:size], "big")).to_bytes(size, "big")

    def exactly(self, size):
        while len(self.buffer) < size:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def next(self):
        """(opcode, payload) of the next frame. Raises EOFError."""
        first, size = self.exactly(2)
        if size == 126:
            (size,) = struct.unpack("!H", self.exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.exactly(8))
        return first & 15, self.exactly(size)

    def end(self):
        """The code with which the socket ends, 0 where the connection just ends."""
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                opcode, payload = self.next()
                if opcode == CLOSE:
                    return struct.unpack("!H", payload[:2])[0]
        return 0


class Pair:
    """An open socket and its client."""

    def __init__(self, limits, buffer=0):
        ours, theirs = socket.socketpair()
        if buffer:
            for sock in (ours, theirs):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket = Socket(PlainLine(ours), accepted(KEY, []), limits, Parrot)
        self.ours, self.talk = ours, self.socket.talk
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.client = Client(theirs)

    def _run(self):
        self.socket.run()
        self.ours.close()

    def close(self):
        self.client.sock.close()
        self.thread.join(10)
        assert not self.thread.is_alive(), "the socket's thread ends with its client"
        assert self.talk.closed.is_set()


@pytest.fixture
def pair():
    made = []

    def make(buffer=0, **limits):
        made.append(Pair(Limits(**{"message_bytes": 1000, "closing_seconds": 0.2, **limits}), buffer))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def watched():
    """Looks at sockets every few milliseconds, as the server does every half second."""
    stop, sockets = threading.Event(), []

    def look():
        while not stop.wait(0.005):
            for each in sockets:
                each.look(time.monotonic())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield sockets
    stop.set()
    thread.join(5)
