"""Several web processes behave as one: two of one server over one Redis, and two servers, as on two machines, over one store."""

import contextlib
import re
import threading

import httpx
import psutil
import pytest

from tests.live.conftest import LiveServer, Visitor, until
from tests.servers import redis_server
from webbot.transfer import read

pytestmark = pytest.mark.slow
LONG = "word " * 600  # the echo writes one in 20 ms
END_SECONDS = 20.0  # a lease ends after 9 s


@pytest.fixture(scope="module")
def redis():
    with redis_server() as server:
        yield server


@contextlib.contextmanager
def serving(folder, **settings):
    folder.mkdir(exist_ok=True)
    server = LiveServer(folder, **settings)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def one_machine(redis, tmp_path_factory):
    """A server with two web processes; its conversations in SQLite."""
    with serving(tmp_path_factory.mktemp("one"), workers="2", redis=redis.url()) as server:
        yield server


@pytest.fixture
def two_machines(redis, tmp_path_factory):
    """Two servers whose conversations are in that Redis."""
    given = {"store": f"{redis.url()}&aof=no", "owner": "home"}
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(serving(tmp_path_factory.mktemp("machine"), **given)) for _ in range(2)]


def webs(server):
    """The web processes, by the number that each is known by."""
    return [process for process in psutil.Process(server.process.pid).children() if "keeper" not in " ".join(process.cmdline())]


def keepers(server):
    return [process for process in server.processes() if "webbot.shared.keeper" in " ".join(process.cmdline())]


def number_of(visitor):
    """Which web process answers on the visitor's connection."""
    return re.search(r'webbot_ready\{web_process="(\d+)"\}', visitor.http.get("/metrics").text)[1]


def in_each(server, cookies=None):
    """Two visitors with one session, each with a connection to another web process."""
    found = {}

    def another():
        visitor = Visitor(server.url)
        visitor.http.cookies.update(cookies or {})
        other = found.setdefault(number_of(visitor), visitor)
        if other is not visitor:
            visitor.http.close()
        return len(found) == 2

    until(another, 30, "only one web process answers")
    return list(found.values())


class Watching:
    """Reads a conversation's stream in a thread."""

    def __init__(self, visitor, key):
        self.names, self.texts = [], []
        self.thread = threading.Thread(target=self._read, args=(visitor, key), daemon=True)
        self.thread.start()

    def _read(self, visitor, key):
        with contextlib.suppress(httpx.HTTPError):
            for name, data in visitor.events(key):
                self.texts.append(str(data))
                self.names.append(name)

    def ended(self):
        return next((name for name in self.names if name in ("finished", "failed", "cancelled")), "")

    def grows(self):
        seen = len(self.names)
        return until(lambda: len(self.names) > seen + 2, what=f"it does not grow: {self.names[-5:]}")


def together(one, other):
    """The behaviour of two visitors, each at another web process, who share what they see."""
    turn = one.ask(LONG)
    key = turn["conversation"]
    other.http.cookies.update(one.http.cookies)
    here, there = Watching(one_more(one), key), Watching(one_more(other), key)
    for watching in (here, there):
        watching.grows()
    refused = other.http.post(f"/c/{key}/turns", data={"question": "And now?"})
    assert refused.status_code == 409, refused.text
    there.grows()
    assert other.http.post(f"/c/{key}/stop").status_code in (200, 204, 303)
    for watching in (here, there):
        assert until(watching.ended) == "cancelled"
    other.ask("Once more?", key)
    for watching in (here, there):
        until(lambda watching=watching: any("Once more?" in text for text in watching.texts))
    return key


def one_more(visitor):
    """The same session on a connection to the same server; which web process gets it is left to chance."""
    another = Visitor(str(visitor.http.base_url))
    another.http.cookies.update(visitor.http.cookies)
    return another


def test_two_web_processes_behave_as_one(one_machine):
    assert len(webs(one_machine)) == 2
    assert len(keepers(one_machine)) == 1
    together(*in_each(one_machine))


def test_a_session_holds_in_every_web_process(one_machine):
    first, second = in_each(one_machine)
    key = first.answer("Hello")[0]
    second.http.cookies.update(first.http.cookies)
    assert "Hello" in second.page(key)
    assert second.http.post(f"/c/{key}/options", data={"title": "A new name"}).status_code < 400
    assert "A new name" in first.page(key)


def test_questions_at_both_at_once_get_an_order(one_machine):
    """SQLite with two web processes: what is refused may be asked again, and nothing is stored twice or lost."""
    first, second = in_each(one_machine)
    key = first.answer("Begin")[0]
    second.http.cookies.update(first.http.cookies)

    def ask(visitor, name):
        for number in range(3):
            until(lambda number=number: asked(visitor, f"{name}{number}"))

    def asked(visitor, text):
        answer = visitor.http.post(f"/c/{key}/turns", data={"question": text})
        assert answer.status_code in (201, 409), answer.text
        return answer.status_code == 201

    threads = [threading.Thread(target=ask, args=given) for given in ((first, "one"), (second, "two"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [f"{name}{number}" for name in ("one", "two") for number in range(3)]
    until(lambda: asked(first, "last"))
    told = read(second.http.get(f"/c/{key}/export.json").content)
    questions = [message.text for talk in told for message in talk.messages if message.role == "user"]
    assert sorted(questions) == sorted(["Begin", *names, "last"])
    for name in ("one", "two"):
        assert [text for text in questions if text.startswith(name)] == [text for text in names if text.startswith(name)]


def test_the_end_of_a_killed_web_process_is_told_by_the_other(one_machine):
    first, second = in_each(one_machine)
    turn = first.ask(LONG)
    key = turn["conversation"]
    second.http.cookies.update(first.http.cookies)
    watching = Watching(second, key)
    watching.grows()
    number = number_of(first)
    writer = next(process for process in webs(one_machine) if process.pid == int(pid_of(first)))
    writer.kill()
    assert until(watching.ended, END_SECONDS) == "failed"
    until(lambda: len(webs(one_machine)) == 2)
    again = in_each(one_machine, first.http.cookies)
    assert number not in [number_of(visitor) for visitor in again]
    _, html, end = again[0].answer("Are you still there?", key)
    assert end == "finished" and "still there" in html
    assert "The server stopped in the middle of this answer." in again[1].page(key)


def pid_of(visitor):
    """The process behind the visitor's connection."""
    sock = next(iter(visitor.http._transport._pool.connections))._connection._network_stream.get_extra_info("socket")
    local, remote = sock.getsockname()[:2], sock.getpeername()[:2]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.laddr and connection.raddr and (connection.laddr[1], connection.raddr[1]) == (remote[1], local[1]):
                    return process.pid
    raise AssertionError("nobody holds it")


def test_the_keeper_comes_back(one_machine):
    visitor = one_machine.visitor()
    turn = visitor.ask(LONG)
    key = turn["conversation"]
    watching = Watching(one_more(visitor), key)
    watching.grows()
    keeper = keepers(one_machine)[0]
    keeper.kill()
    assert until(watching.ended) == "failed"
    until(lambda: len(keepers(one_machine)) == 1 and keepers(one_machine)[0].pid != keeper.pid)
    until(lambda: visitor.http.get("/readyz").status_code == 200)
    assert visitor.answer("And now?", key)[2] == "finished"


def test_two_machines_behave_as_one_and_one_may_leave(two_machines):
    one, other = two_machines
    at_one, at_other = one.visitor(), other.visitor()
    key = together(at_one, at_other)
    until(lambda: at_one.http.post(f"/c/{key}/turns", data={"question": LONG}).status_code == 201)
    watching = Watching(one_more(at_other), key)
    watching.grows()
    assert one.stop() == 0
    assert until(watching.ended) == "cancelled"
    assert at_other.answer("Are you there?", key)[2] == "finished"


@pytest.mark.model
def test_a_model_of_the_machine_is_there_once_and_ends_with_the_server(redis, tmp_path):
    with serving(tmp_path / "s", workers="2", redis=redis.url(), engine="local") as server:
        for visitor in in_each(server):
            assert visitor.answer("What is the capital of France?")[2] == "finished"
            assert visitor.http.get("/v1/models").json()["data"]
            made = visitor.http.post("/v1/embeddings", json={"model": "llama", "input": "Hello"})
            assert made.status_code == 200 and len(made.json()["data"][0]["embedding"]) > 10
        models = [process for process in server.processes() if "webbot.engines.worker" in " ".join(process.cmdline())]
        assert len(models) == 1
        family = server.processes()
        assert server.stop() == 0
        assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
    assert "Traceback" not in server.log.read_text()
