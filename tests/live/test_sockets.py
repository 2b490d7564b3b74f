"""Sockets of the real server against foreign pages, floods, clients that do not read, and many of them at once."""

import json
import socket
import ssl
import threading
import time

import pytest

from tests.live.conftest import LiveServer, until
from tests.web.pybot.conftest import BINARY, CLOSE, KEY, PING, TEXT, Client

pytestmark = pytest.mark.slow
MOST_KILOBYTES = 50  # of an idle socket
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = LiveServer(tmp_path_factory.mktemp("sockets"), question_bytes="2000")
    server.start()
    yield server
    server.stop()


class Asking:
    """Asks for a socket over TLS, header by header."""

    def __init__(self, server, address="127.0.0.1", path="/api/chat", early=b"", **headers):
        raw = socket.create_connection(("127.0.0.1", server.port), 20, source_address=(address, 0))
        self.sock = CONTEXT.wrap_socket(raw, server_hostname="localhost")
        given = {
            "Host": f"localhost:{server.port}", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": KEY, "Authorization": "Bearer a key", "Origin": server.url,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"{name}: {value}" for name, value in given.items() if value is not None]
        self.sock.sendall("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode() + early)
        self.client = Client(self.sock)
        self.status = int(self.client.head.split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def asks(self, frame="{"):
        """Sends a frame and reads the answer to it."""
        self.client.send(TEXT, frame.encode())
        opcode, payload = self.client.next()
        while opcode == PING:
            opcode, payload = self.client.next()
        assert opcode == TEXT
        return json.loads(payload)


def test_foreign_pages_open_nothing(server):
    for origin in ("https://evil.example", "null", f"https://localhost:{server.port + 1}", f"https://localhost:{server.port}.evil",
                   f"http://localhost:{server.port}", "https://localhost"):
        for authorization in ("Bearer a key", None):
            with Asking(server, Origin=origin, Authorization=authorization) as asking:
                assert asking.status == 403, origin
    with Asking(server, Origin=None, Authorization=None, Cookie=f"__Host-session={'x' * 43}") as asking:
        assert asking.status == 403
    with Asking(server, Host="evil.example", Origin="https://evil.example") as asking:
        assert asking.status == 400
    for headers in ({"Upgrade": None}, {"Connection": "close"}, {"Sec_WebSocket_Version": "8"}):
        with Asking(server, **headers) as asking:
            assert asking.status == 426


def test_own_pages_and_programs_do(server):
    for headers in ({}, {"Origin": None}, {"Origin": None, "Authorization": None}, {"Authorization": None},
                    {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"}):
        with Asking(server, **headers) as asking:
            assert asking.status == 101 and "extensions" not in asking.client.head.lower()
            assert asking.asks()["type"] == "error"


def test_the_connection_is_the_sockets_alone(server):
    """What is sent before the answer has come is heard; no HTTP follows; a visitor gets a session with the answer."""
    early = Client.frame(TEXT, b"{")
    with Asking(server, early=early, Authorization=None) as asking:
        assert asking.client.next()[0] == TEXT
        asking.sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert asking.client.end() == 1002


@pytest.mark.parametrize(("opcode", "payload", "code"), [
    (TEXT, b"x" * 1_000_000, 1009), (BINARY, b"{}", 1003), (TEXT, b"\xc3\x28", 1007),
])
def test_what_is_no_message_ends_the_socket(server, opcode, payload, code):
    with Asking(server) as asking:
        asking.client.send(opcode, payload)
        assert asking.client.end() == code


def test_floods_hold_nobody_up(server):
    """Two clients send tiny frames without end, a third one asks: its answers come."""
    stop, sent = threading.Event(), []

    def flood(tiny):
        while not stop.is_set():
            with Asking(server, Authorization=f"Bearer flood {len(tiny)}") as asking:
                asking.sock.settimeout(1)
                try:
                    while True:
                        asking.sock.sendall(tiny * 2000)
                        sent.append(2000)
                except OSError:
                    pass

    tiny = Client.frame(TEXT, b"{}"), Client.frame(PING, b"x" * 125)
    threads = [threading.Thread(target=flood, args=(each,), daemon=True) for each in tiny]
    with Asking(server, Authorization="Bearer quiet") as quiet:
        for thread in threads:
            thread.start()
        until(lambda: sent)
        waits = []
        for _ in range(40):
            began = time.monotonic()
            assert quiet.asks()["type"] == "error"
            waits.append(time.monotonic() - began)
            time.sleep(0.02)
        stop.set()
        for thread in threads:
            thread.join(20)
        assert sorted(waits)[len(waits) // 2] < 2, waits
        assert quiet.asks()["type"] == "error"


def test_whoever_does_not_read_is_cut_and_costs_little(server):
    web = server.web()
    before = web.memory_info().rss
    flood = Client.frame(TEXT, json.dumps({"conversation": "x" * 90, "content": "x"}).encode())
    with Asking(server, Authorization="Bearer deaf") as asking:
        asking.sock.settimeout(0.5)
        with pytest.raises(OSError):  # a reset, or a time-out: it takes no more
            for _ in range(100_000):
                asking.sock.sendall(flood * 100)
    assert web.memory_info().rss - before < 20_000_000


def test_a_person_has_eight_sockets_and_an_idle_one_costs_little(server):
    with Asking(server, Authorization="Bearer one"):
        pass
    kept = [Asking(server, Authorization="Bearer many") for _ in range(8)]
    try:
        assert [each.status for each in kept] == [101] * 8
        with Asking(server, Authorization="Bearer many") as ninth:
            assert ninth.status == 429 and "retry-after" in ninth.client.head.lower()
        kept.pop().sock.close()

        def again():
            asking = Asking(server, Authorization="Bearer many")
            kept.append(asking)
            return asking.status == 101

        until(again)
        web, address = server.web(), "127.0.0.2"
        kept += [Asking(server, address, Authorization=f"Bearer warm {number}") for number in range(10)]
        before = web.memory_info().rss
        kept += [Asking(server, address, Authorization=f"Bearer idle {number // 8}") for number in range(160)]
        assert (web.memory_info().rss - before) / 160 < MOST_KILOBYTES * 1024
    finally:
        for each in kept:
            each.sock.close()


def test_a_client_that_leaves_in_any_way_leaves_nothing(server):
    web = server.web()
    files = web.num_fds()
    for _ in range(30):
        with Asking(server, Authorization="Bearer leaves"):
            pass
        asking = Asking(server, Authorization="Bearer leaves")
        asking.client.send(CLOSE, b"\x03\xe8")
        assert asking.client.next()[0] == CLOSE
        asking.sock.close()
    until(lambda: web.num_fds() <= files + 2)
    assert "Traceback" not in server.log.read_text()
