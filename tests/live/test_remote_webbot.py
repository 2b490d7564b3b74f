"""The remote engine over another webbot, with its HTTPS and its access code, in plain threads and under gevent."""

import subprocess
import sys

import psutil
import pytest

from tests.live.conftest import ROOT, LiveServer, until
from webbot.engines.remote import Limits, RemoteEngine, list_models
from webbot.engines.remotes import wire
from webbot.errors import BadInput, TooLong, Unavailable
from webbot.messages import Finished, Message, Options

pytestmark = pytest.mark.slow
CODE = "a-hidden-word-of-ours"
LIMITS = Limits(look=3, retry=0.05, jitter=0.02)


@pytest.fixture(scope="module")
def webbot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("other")
    server = LiveServer(folder, access_code=CODE)
    server.start(ready=False)  # /readyz asks for the code, too
    yield server
    server.stop()


@pytest.fixture
def trusting(webbot, monkeypatch):
    """As an operator would: the other's authority is trusted here."""
    monkeypatch.setenv("SSL_CERT_FILE", str(webbot.folder / "certs" / "ca.pem"))
    wire._trust.cache_clear()
    yield f"{webbot.url}/v1"
    wire._trust.cache_clear()


@pytest.fixture
def engine(trusting):
    engine = RemoteEngine(trusting, key=CODE, limits=LIMITS, context=2048)
    until(lambda: engine.state().status == "ready", what=engine.state().sentence)
    yield engine
    engine.close()


def said(*texts):
    return [Message(role=("user", "assistant")[number % 2], text=text) for number, text in enumerate(texts)]


def test_an_answer_comes_through_two_servers(engine, trusting):
    *deltas, finished = engine.answer(said("one two three"), Options())
    assert "".join(delta.text for delta in deltas) == "one two three"
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.usage.answer_tokens) == ("stop", 3)
    assert finished.usage.prompt_tokens <= engine.state().opening + engine.state().frame + engine.count(["one two three"])[0]
    *deltas, _ = engine.answer(said("I am Ada.", "Hello Ada!", "What did I say?"), Options())
    assert "Ada" in "".join(delta.text for delta in deltas)
    *deltas, _ = engine.complete("go on please", Options(max_tokens=2))
    assert "".join(delta.text for delta in deltas) == "go on"
    assert engine.state().name in list_models(trusting, CODE)


def test_what_the_other_cannot_do_it_says_by_name(engine):
    with pytest.raises(BadInput) as refusal:
        list(engine.answer(said("Hello!"), Options(logprobs=1)))
    assert refusal.value.parameter == "logprobs"
    with pytest.raises(BadInput):
        engine.embed(["Hello!"])
    with pytest.raises(TooLong) as refusal:
        list(engine.answer(said("word " * 20_000), Options()))
    assert refusal.value.values["limit"] == 2048 < refusal.value.values["count"]


def test_the_other_is_free_when_a_reader_leaves(engine, webbot):
    running = engine.answer(said("word " * 1000), Options())
    while not next(running).text:
        pass
    assert connections(webbot.port) == 1
    running.close()
    assert engine.busy() == 0
    until(lambda: connections(webbot.port) == 0, 10)


def connections(port):
    """Those of this process to the other server, without the idle ones that are kept for the next request."""
    open_ones = [each for each in psutil.Process().net_connections("tcp") if each.raddr and each.raddr.port == port]
    return sum(each.status == "ESTABLISHED" for each in open_ones)


def test_a_wrong_key_and_an_unknown_certificate_are_plain_sentences(trusting, monkeypatch):
    wrong = RemoteEngine(trusting, key="another-word", limits=LIMITS)
    until(lambda: wrong.state().status == "failed")
    assert "refuses the key" in wrong.state().sentence
    with pytest.raises(Unavailable):
        list(wrong.answer(said("Hello!"), Options()))
    wrong.close()
    monkeypatch.delenv("SSL_CERT_FILE")
    wire._trust.cache_clear()
    for url, words in ((trusting, "certificate"), (trusting.replace("https", "http"), "")):
        engine = RemoteEngine(url, key=CODE, limits=LIMITS)
        until(lambda engine=engine: engine.state().status == "failed")
        assert words in engine.state().sentence
        assert CODE not in engine.state().sentence
        engine.close()


PROGRAM = """
from gevent import monkey
monkey.patch_all()
import gevent, sys, time
from webbot.engines.remote import RemoteEngine
from webbot.messages import Message, Options

engine = RemoteEngine(sys.argv[1], key=sys.argv[2], context=2048)
asked = [Message(role="user", text="one two three")]
most, running = [0.0], [True]

def clock():
    while running[0]:
        began = time.monotonic()
        gevent.sleep(0.01)
        most[0] = max(most[0], time.monotonic() - began)

def talk():
    return "".join(getattr(part, "text", "") for part in engine.answer(asked, Options()))

list(engine.answer(asked, Options()))
ticking = gevent.spawn(clock)
talks = [gevent.spawn(talk) for _ in range(20)]
gevent.joinall(talks, timeout=20)
left = engine.answer(asked, Options())
next(left)
left.close()
running[0] = False
ticking.join()
assert [each.value for each in talks] == ["one two three"] * 20, [each.value for each in talks]
assert engine.busy() == 0
assert most[0] < 0.5, most
engine.close()
print("well")
"""


def test_it_works_under_gevent_and_holds_nobody_up(webbot):
    environment = {**webbot.environment, "SSL_CERT_FILE": str(webbot.folder / "certs" / "ca.pem")}
    environment = {name: value for name, value in environment.items() if not name.startswith("WEBBOT_")}
    ran = subprocess.run([sys.executable, "-c", PROGRAM, f"{webbot.url}/v1", CODE], capture_output=True, text=True, cwd=ROOT,
                         env=environment, timeout=60, check=False)
    assert ran.stdout == "well\n", ran.stderr[-2000:]
