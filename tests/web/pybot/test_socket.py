"""A WebSocket of our own against clients that break every rule there is."""

import time

import pytest

from tests.engines.conftest import until
from tests.web.pybot.conftest import BINARY, CLOSE, PING, PONG, TEXT
from webbot.web.brake import Bucket

PROTOCOL, DATA, UTF8, POLICY, BIG, LATER = 1002, 1003, 1007, 1008, 1009, 1013


def test_messages_go_both_ways(pair):
    each = pair()
    assert "101 Switching Protocols" in each.client.head
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in each.client.head
    assert "extensions" not in each.client.head.lower(), "nothing is ever compressed"
    each.client.send(TEXT, "héllo".encode())
    assert each.client.next() == (TEXT, "héllo".encode())
    each.client.send(TEXT, b"in ", final=False)
    each.client.send(0, b"two ", final=False)
    each.client.send(0, b"parts")
    assert each.client.next() == (TEXT, b"in two parts")
    each.talk.more.extend(["one", "two"])
    each.socket.wake()
    assert [each.client.next()[1] for _ in range(2)] == [b"one", b"two"]


def test_it_ends_as_the_client_wishes(pair):
    each = pair(closing_seconds=60)
    each.client.send(CLOSE, b"\x03\xe8bye")
    assert each.client.next() == (CLOSE, b"\x03\xe8bye")
    assert each.client.end() == 0, "and then the connection ends"


def test_it_ends_as_the_server_wishes(pair):
    each = pair(closing_seconds=60)
    each.socket.send("last words")
    each.socket.end(4401, "signed out")
    each.socket.send("too late")
    assert each.client.next() == (TEXT, b"last words")
    assert each.client.next() == (CLOSE, b"\x11\x31signed out")
    each.client.send(CLOSE, b"\x11\x31")
    assert each.client.end() == 0


@pytest.mark.parametrize(("send", "code"), [
    (lambda client: client.send(TEXT, b"x" * 1001), BIG),
    (lambda client: [client.send(TEXT, b"x" * 600, final=False), client.send(0, b"x" * 600)], BIG),
    (lambda client: client.send(TEXT, "é".encode() * 501), BIG),
    (lambda client: client.send(BINARY, b"{}"), DATA),
    (lambda client: client.send(TEXT, b"\xff\xfe"), UTF8),
    (lambda client: client.send(TEXT, b"\xed\xa0\x80"), UTF8),
    (lambda client: client.send(TEXT, b"\xc3"), UTF8),
    (lambda client: client.send(TEXT, b"{}", masked=False), PROTOCOL),
    (lambda client: client.send(TEXT, b"{}", bits=0x40), PROTOCOL),  # "compressed"
    (lambda client: client.send(3, b"{}"), PROTOCOL),
    (lambda client: client.send(PING, b"x" * 126), PROTOCOL),
    (lambda client: client.send(PING, b"", final=False), PROTOCOL),
    (lambda client: client.send(0, b"a part of nothing"), PROTOCOL),
    (lambda client: client.send(CLOSE, b"x"), PROTOCOL),
    (lambda client: client.send(CLOSE, b"\x03\xed"), PROTOCOL),
])
def test_what_breaks_the_rules_ends_the_socket(pair, send, code):
    each = pair()
    send(each.client)
    assert each.client.end() == code
    assert each.talk.heard == []


def test_the_longest_message_is_taken(pair):
    each = pair()
    each.client.send(TEXT, b"x" * 1000)
    assert each.client.next() == (TEXT, b"x" * 1000)


@pytest.mark.parametrize("frame", [
    (TEXT, b"{}", True), (TEXT, b"", True), (PING, b"", True), (PONG, b"", True), (TEXT, b"", False),
])
def test_a_flood_ends_the_socket(pair, frame, watched):
    """A million tiny frames: few are read, the rest is thrown away unseen until the connection is cut."""
    each = pair(frames=50, frames_a_second=1)
    watched.append(each.socket)
    opcode, payload, final = frame
    tiny = each.client.frame(opcode, payload, final=final)
    if not final:
        tiny += each.client.frame(0, b"", final=False) * 199
    began = time.thread_time()
    try:
        for _ in range(1_000_000 // (5000 if final else 5000 // 200 * 200)):
            each.client.sock.sendall(tiny * (5000 if final else 25))
    except OSError:
        pass
    assert time.thread_time() - began < 10
    until(each.talk.closed.is_set)
    assert len(each.talk.heard) <= 50


def test_a_flood_is_told_why(pair):
    each = pair(frames=50, frames_a_second=1)
    each.client.sock.sendall(each.client.frame(PING) * 60)
    assert each.client.end() == POLICY


def test_a_long_message_in_small_pieces_is_no_flood(pair):
    each = pair(frames=20, frames_a_second=0.001, message_bytes=100_000)
    whole = each.client.frame(TEXT, b"x" * 90_000)
    for start in range(0, len(whole), 500):
        each.client.sock.sendall(whole[start:start + 500])
    assert each.client.next() == (TEXT, b"x" * 90_000)


def test_whoever_answers_pings_stays(pair):
    each, now = pair(ping_seconds=20), time.monotonic()
    for number in range(1, 7):
        each.socket.look(now + 10 + number * 20)
        assert each.client.next() == (PING, b"")
        each.client.send(PONG)
        until(lambda: not each.socket._unanswered)
    each.client.send(TEXT, b"here")
    assert each.client.next() == (TEXT, b"here")


def test_a_silent_client_goes_after_two_pings(pair):
    each, now = pair(ping_seconds=20, missed_pongs=2), time.monotonic()
    for later in (19, 21, 39, 42, 61, 63):
        each.socket.look(now + later)
    assert [each.client.next() for _ in range(2)] == [(PING, b"")] * 2
    assert each.client.next()[0] == CLOSE
    each.socket.look(time.monotonic() + 3)
    until(each.talk.closed.is_set)


def test_what_a_client_does_not_read_is_bounded(pair, watched):
    each = pair(buffer=4096, unsent_bytes=20_000, closing_seconds=0.05)
    watched.append(each.socket)
    for _ in range(200):
        each.socket.send("x" * 1000)
        assert each.socket._unsent_bytes <= 20_000
    until(each.talk.closed.is_set)


def test_a_listener_that_was_cut_off_ends_the_socket(pair):
    each = pair()
    each.talk.lagging = True
    each.socket.wake()
    assert each.client.end() == LATER


def test_a_bucket_fills_again():
    bucket = Bucket(2, 1000)
    assert [bucket.takes(1) for _ in range(2)] == [True, True]
    assert not Bucket(2, 0).takes(3)
    until(lambda: bucket.takes(1))
