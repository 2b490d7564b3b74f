"""The control socket: requests, problems, progress; garbage and slow clients do no harm."""

import json
import socket
import stat
import threading
import time
from contextlib import closing

import pytest

from webbot.errors import BadInput, Conflict, NotFound, TooMany, Unavailable
from webbot.models import control
from webbot.models.control import Control, ask


@pytest.fixture
def left():
    """What handlers saw of clients that went."""
    return []


@pytest.fixture
def server(tmp_path, left):
    def handle(request):
        if "fail" in request:
            raise Conflict("{name} is already being loaded.", name="x", retry_after=3)
        if "crash" in request:
            raise ZeroDivisionError
        if "endless" in request:
            try:
                while True:
                    yield {"progress": None, "sentence": "x" * request["endless"]}
                    time.sleep(0.01)
            finally:
                left.append(request)
        for number in range(request.get("steps", 1)):
            yield {"progress": number / 10, "sentence": f"Schritt {number} ä"}

    opened = Control(control.place(tmp_path), handle)
    opened.start()
    yield opened
    opened.close()


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def raw(server, data, *, seconds=10):
    """What comes back for these bytes."""
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(seconds)
        connection.connect(str(server.path))
        connection.sendall(data)
        received = b""
        while part := connection.recv(65536):
            received += part
        return [json.loads(line) for line in received.splitlines()]


def test_steps_come_one_after_another(server):
    assert list(ask(server.path, {"steps": 3})) == [
        {"progress": number / 10, "sentence": f"Schritt {number} ä"} for number in range(3)
    ]
    assert list(ask(server.path, {"steps": 0})) == []
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700


def test_problems_are_raised_again(server):
    with pytest.raises(Conflict) as raised:
        list(ask(server.path, {"fail": True}))
    assert (str(raised.value), raised.value.retry_after) == ("x is already being loaded.", 3)
    with pytest.raises(Unavailable, match="log"):
        list(ask(server.path, {"crash": True}))
    assert list(ask(server.path, {"steps": 0})) == [], "and the server goes on"


@pytest.mark.parametrize("data", [b"\n", b"{}x\n", b"[1]\n", b"null\n", b"\xff\xfe\n", b"[" * 60_000 + b"\n", b'{"a": NaN'])
def test_garbage_is_refused(server, data, monkeypatch):
    monkeypatch.setattr(control, "REQUEST_SECONDS", 0.3)
    (told,) = raw(server, data)
    assert told["problem"]["class"] == "BadInput"
    assert list(ask(server.path, {"steps": 0})) == []


def test_an_endless_line_is_not_read(server):
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.connect(str(server.path))
        with pytest.raises(OSError):
            for _ in range(1000):
                connection.sendall(b"x" * 65536)
    assert list(ask(server.path, {"steps": 0})) == []


def test_closing_ends_the_work(server, left):
    told = ask(server.path, {"endless": 1})
    assert next(told)
    told.close()
    until(lambda: left)


def test_a_client_that_reads_nothing_is_left(server, left, monkeypatch):
    monkeypatch.setattr(control, "SEND_SECONDS", 0.2)
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.connect(str(server.path))
        connection.sendall(b'{"endless": 100000}\n')
        until(lambda: left)


def test_a_crowd_is_refused_and_the_next_is_not(server, left):
    told = [ask(server.path, {"endless": 1}) for _ in range(control.MOST_CLIENTS)]
    for one in told:
        next(one)
    with pytest.raises(TooMany):
        list(ask(server.path, {}))
    for one in told:
        one.close()
    until(lambda: len(left) == control.MOST_CLIENTS)
    assert list(ask(server.path, {"steps": 0})) == []


def test_nobody_listens(tmp_path, server):
    with pytest.raises(Unavailable, match="No server is running"):
        list(ask(control.place(tmp_path / "other"), {}))
    server.close()
    assert not server.path.exists()
    with pytest.raises(Unavailable, match="No server is running"):
        list(ask(server.path, {}))


def test_what_a_killed_server_left_is_replaced(tmp_path):
    path = control.place(tmp_path)
    path.parent.mkdir(parents=True)
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
    with pytest.raises(Unavailable):
        list(ask(path, {}))
    opened = Control(path, lambda request: iter([{"fine": True}]))
    opened.start()
    assert list(ask(path, {})) == [{"fine": True}]
    opened.close()


def test_a_long_path(tmp_path):
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    opened = Control(control.place(folder), lambda request: iter([request]))
    opened.start()
    assert list(ask(control.place(folder), {"list": True})) == [{"list": True}]
    opened.close()


@pytest.mark.parametrize("answer", [b"", b"garbage\n", b"[]\n", b'{"problem": 1}\n', b'{"problem": {}}\n', b'{"progress": 1}\n'])
def test_a_server_that_is_lost_or_mad(tmp_path, answer):
    path = tmp_path / "mad.sock"
    with closing(socket.socket(socket.AF_UNIX)) as mad:
        mad.bind(str(path))
        mad.listen()

        def serve():
            connection, _ = mad.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(Unavailable):
            list(ask(path, {}))


def test_a_problem_of_the_handler_before_its_first_step(tmp_path):
    def handle(request):
        raise NotFound("There is no model {name}.", name=request["use"])

    opened = Control(control.place(tmp_path), handle)
    opened.start()
    with pytest.raises(NotFound, match="no model x"):
        list(ask(opened.path, {"use": "x"}))
    with pytest.raises(BadInput):
        raise_again(raw(opened, b"x\n"))
    opened.close()


def raise_again(lines):
    from webbot.modelhost import frames

    raise frames.unpack_problem(lines[0]["problem"])
