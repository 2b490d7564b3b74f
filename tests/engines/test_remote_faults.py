"""What befalls the remote engine on the way: a proxy that fails at every stage, between it and a real llama.cpp server."""

import gzip
import logging
import resource
import threading
import time

import pytest

from tests.engines.conftest import messages, until
from tests.engines.fault_proxy import (
    STREAM,
    FaultProxy,
    chunked,
    cut_in_stream,
    endless,
    event,
    hang_after,
    hang_in_stream,
    reset_in_stream,
    response,
    silence,
    stream,
    then_close,
    vanish,
    word,
)
from tests.engines.test_remote import told
from webbot.engines.remote import Limits, RemoteEngine, list_models
from webbot.errors import BadInput, Problem, TooLong, TooMany, Unavailable
from webbot.messages import Options

pytestmark = pytest.mark.model
HELLO = messages("Hello!")
SHORT = Options(temperature=0, max_tokens=4)
KEY = "sk-hidden-word"
LIMITS = Limits(connect=0.5, idle=0.5, look=1.0, count=0.3, failures=100, rest=0.3, retry=0.05, jitter=0.02)
BOMB = gzip.compress(b"x" * 10_000_000)
DONE = event(b"[DONE]")
END = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})


@pytest.fixture
def proxy(llama_server):
    proxy = FaultProxy(int(llama_server.rpartition(":")[2]))
    yield proxy
    proxy.close()


@pytest.fixture
def make(proxy, caplog):
    made = []
    caplog.set_level(logging.DEBUG)

    def engine(url="", **options):
        made.append(RemoteEngine(url or proxy.address, **{"key": KEY, "token_timeout": 0.8, "limits": LIMITS, **options}))
        return made[-1]

    yield engine
    for each in made:
        each.close()
    assert "hidden-word" not in caplog.text


@pytest.fixture
def engine(make):
    engine = make()
    until(lambda: engine.state().status == "ready", 10)
    return engine


def failure(engine, options=SHORT):
    """(text that came, problem) of an answer that fails, quickly, and leaves nothing behind."""
    text, began, gap = "", time.monotonic(), time.monotonic()
    with pytest.raises(Problem) as refusal:
        for part in engine.answer(HELLO, options):
            text += getattr(part, "text", "")
            assert time.monotonic() - gap < 4  # 0.1 s on a quiet machine
            gap = time.monotonic()
    assert time.monotonic() - began < 15
    assert engine.busy() == 0
    assert "127.0.0.1" in str(refusal.value)
    assert "hidden-word" not in repr(refusal.value)
    assert refusal.value.__cause__ is None
    return text, refusal.value


def asked(proxy):
    return sum(path.endswith("completions") for path, *_ in proxy.asked)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failure_before_the_first_token_is_tried_once_more(proxy, engine, status):
    proxy.faults = [response(status)]
    text, *_ = told(engine.answer(HELLO, Options(temperature=0, max_tokens=4)))
    assert text
    assert asked(proxy) == 2
    proxy.faults = [response(status)] * 3
    _, problem = failure(engine)
    assert isinstance(problem, Unavailable)
    assert asked(proxy) == 4


def test_a_connection_that_is_closed_without_a_word_is_tried_once_more(proxy, engine):
    proxy.faults = [vanish]
    assert told(engine.answer(HELLO, SHORT))[0]
    proxy.faults = [vanish, vanish]
    assert isinstance(failure(engine)[1], Unavailable)


@pytest.mark.parametrize(("fault", "kind", "words"), [
    (response(429, Retry_After="7"), TooMany, "too many"),
    (response(400, b'{"error": {"message": "no seed sk-hidden-word", "param": "seed"}}'), BadInput, "no seed"),
    (response(400, b'{"error": {"message": "x", "code": "context_length_exceeded"}}'), TooLong, "longer than the 2048"),
    (response(401, b'{"error": {"message": "Incorrect API key sk-hidden-word"}}'), Unavailable, "refuses the key"),
    (response(504), Unavailable, "504"),
    (response(302, Location="http://127.0.0.1:9/"), Unavailable, "not followed"),
    (response(200, b"<html>", Content_Type="text/html"), Unavailable, "no answer of OpenAI's API"),
    (response(200, b'{"choices": []}'), Unavailable, "no answer of OpenAI's API"),
    (response(200, BOMB, Content_Type="text/event-stream", Content_Encoding="gzip"), Unavailable, "no answer"),
    (b"nonsense\r\n\r\n", Unavailable, "no answer"),
    (silence, Unavailable, "in time"),
    (hang_after(b"HTTP/1.1 200 OK\r\nContent-Ty"), Unavailable, "in time"),
    (hang_after(STREAM), Unavailable, "in time"),
    (hang_after(STREAM + chunked(b'data: {"choices": [{"del')), Unavailable, "in time"),
    (hang_after(STREAM + chunked(event({"choices": [{"delta": {"role": "assistant"}}]}))), Unavailable, "in time"),
    (endless(STREAM, chunked(b": still here\n\n"), pause=0.02), Unavailable, "in time"),
    (endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", pause=0.02), Unavailable, "in time"),
    (hang_after(b"HTTP/1.1 429 x\r\nContent-Length: 9\r\n\r\n"), TooMany, "too many"),
    (stream(event(b'{"choices": [')), Unavailable, "no answer"),
    (stream(event({"error": {"message": "out of memory sk-hidden-word"}})), Unavailable, "out of memory"),
    (stream(), Unavailable, "lost"),
])
def test_what_fails_before_the_first_token_is_one_clear_sentence(proxy, engine, fault, kind, words, monkeypatch):
    monkeypatch.setattr("webbot.engines.remotes.streaming.REFUSAL_SECONDS", 0.2)
    proxy.faults = [fault, fault]
    text, problem = failure(engine, Options(temperature=0, max_tokens=4, seed=1))
    assert text == ""
    assert type(problem) is kind
    assert words in str(problem)
    assert asked(proxy) == 1
    if kind is TooMany:
        assert problem.retry_after in (5, 7)
    if kind is BadInput:
        assert problem.parameter == "seed"


@pytest.mark.parametrize(("fault", "words"), [
    (hang_in_stream, "in time"), (cut_in_stream, "lost"), (reset_in_stream, "lost"),
    (hang_after(STREAM + chunked(word("one ")) + chunked(b'data: {"cho')), "in time"),
    (stream(word("one "), word("two")), "lost"),
    (then_close(stream(word("one "), word("two"), end=b"")), "lost"),
    (stream(word("one "), word("two"), end=b"zzz\r\n"), "no answer"),
    (stream(word("one "), event(b"{nonsense")), "no answer"),
    (stream(word("one "), event({"error": "CUDA error"})), "CUDA error"),
    (stream(word("one "), word("", finish_reason="content_filter"), DONE), "content filter"),
    (stream(word("one "), word("", finish_reason="abort"), DONE), "lost"),
    (endless(STREAM + chunked(word("one ")), chunked(b"x" * 60_000)), "more than any answer"),
    (endless(STREAM + chunked(word("one ")), chunked(b": ping\n\n"), pause=0.02), "in time"),
])
def test_what_fails_in_mid_answer_is_not_tried_again(proxy, engine, fault, words):
    proxy.faults = [fault]
    text, problem = failure(engine, Options(temperature=0, max_tokens=40))
    assert text
    assert isinstance(problem, Unavailable)
    assert words in str(problem)
    assert asked(proxy) == 1


def test_the_connection_is_closed_when_a_silent_server_is_given_up(proxy, engine):
    proxy.faults = [silence]
    failure(engine)
    assert proxy.gone.wait(2)


@pytest.mark.parametrize("fault", [silence, hang_after(STREAM), hang_in_stream])
def test_closing_ends_a_hanging_request_at_once(proxy, make, fault):
    engine = make(token_timeout=60, limits=Limits(idle=60, look=1))
    proxy.faults = [fault]
    running = engine.answer(HELLO, Options(max_tokens=40))
    until(lambda: next(running) is not None and asked(proxy), 5)
    for _ in range(3):
        next(running)
    began = time.monotonic()
    running.close()
    assert time.monotonic() - began < 5
    assert proxy.gone.wait(2)
    assert engine.busy() == 0


def test_an_endless_line_costs_little_memory(proxy, engine):
    proxy.faults = [endless(STREAM + chunked(word("one ")), chunked(b"x" * 60_000))]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    failure(engine)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_what_comes_after_the_end_is_ignored(proxy, engine):
    proxy.faults = [stream(word("one"), END, DONE, word(" two"), event(b"{nonsense")), stream(word("one"), END, word(" two"))]
    text, _, _, finished = told(engine.answer(HELLO, SHORT))
    assert (text, finished.reason) == ("one", "stop")
    assert told(engine.answer(HELLO, SHORT))[0].startswith("one")  # without [DONE] the reason is the end
    proxy.faults = [hang_after(STREAM + chunked(word("one") + END + DONE))]
    began = time.monotonic()
    assert told(engine.answer(HELLO, SHORT))[0] == "one"
    assert time.monotonic() - began < 8
    assert proxy.gone.wait(2)


def test_a_slow_reader_is_no_silent_server(proxy, engine):
    def slowly(proxy, connection, raw):
        for piece in (STREAM, *map(chunked, (word("one "), word("two "), word("three"), END + DONE)), b"0\r\n\r\n"):
            connection.sendall(piece)
            time.sleep(0.05)

    proxy.faults = [slowly]
    text = ""
    for part in engine.answer(HELLO, SHORT):
        text += getattr(part, "text", "")
        if text == "one ":
            time.sleep(1.0)  # twice what the server may be silent
    assert text == "one two three"


def test_events_may_come_byte_by_byte(proxy, engine):
    body = word("eins ") + event({"choices": [{"delta": {"content": "über"}}]}) + END + DONE
    proxy.faults = [STREAM + b"".join(chunked(body[place:place + 1]) for place in range(len(body))) + b"0\r\n\r\n"]
    assert told(engine.answer(HELLO, SHORT))[0] == "eins über"


def test_no_redirect_is_followed_and_the_key_stays(proxy, make, llama_server):
    canary = FaultProxy(int(llama_server.rpartition(":")[2]))
    for code in (301, 302, 303, 307, 308):
        proxy.usual = response(code, Location=f"{canary.address}/v1/models")
        engine = make()
        assert until(lambda engine=engine: engine.state().status != "loading", 5) is None
        assert engine.state().status == "failed"
        assert "not followed" in engine.state().sentence
        with pytest.raises(Unavailable):
            list_models(proxy.address, KEY)
    proxy.usual = response(301, Location="https://127.0.0.1/v1/models")
    with pytest.raises(Unavailable, match="begin with https://"):
        list_models(proxy.address, KEY)
    canary.close()
    assert not canary.asked
    assert all(headers["authorization"] == f"bearer {KEY}" for _, headers, _ in proxy.asked)


def test_proxies_of_the_environment_are_not_used(proxy, make, monkeypatch, llama_server):
    canary = FaultProxy(int(llama_server.rpartition(":")[2]))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, canary.address)
    engine = make()
    until(lambda: engine.state().status == "ready", 5)
    canary.close()
    assert not canary.asked


def test_the_circuit_opens_and_a_trial_closes_it(proxy, make, caplog):
    engine = make(limits=Limits(connect=0.5, idle=1.0, failures=3, rest=0.4, retry=0.05, jitter=0.01))
    until(lambda: engine.state().status == "ready", 5)
    proxy.faults = [response(500)] * 6
    for _ in range(3):
        failure(engine)
    assert asked(proxy) == 6
    said = [record.getMessage() for record in caplog.records if record.name.endswith("modelserver")]
    assert len(said) == 3 and all("127.0.0.1" in line and "status 500" in line for line in said)
    _, problem = failure(engine)
    assert asked(proxy) == 6
    assert "failed 3 times in a row" in str(problem)
    assert problem.retry_after >= 1
    assert engine.state().status == "failed"
    assert "3 times" in engine.state().sentence
    until(lambda: engine.state().status == "ready", 5)
    proxy.faults = [response(500)] * 2
    failure(engine)  # the trial
    assert "in a row" in str(failure(engine)[1])
    until(lambda: engine.state().status == "ready", 5)
    assert told(engine.answer(HELLO, SHORT))[0]
    proxy.faults = [response(500)] * 2
    failure(engine)
    assert engine.state().status == "ready"


def test_a_full_server_and_a_bad_request_do_not_open_the_circuit(proxy, make):
    engine = make(limits=Limits(failures=1, retry=0.05, jitter=0.01))
    proxy.faults = [response(429), response(400), response(401)]
    for _ in range(3):
        failure(engine)
    assert told(engine.answer(HELLO, SHORT))[0]


def test_a_server_that_is_not_there_is_found_when_it_comes(make, llama_server):
    proxy = FaultProxy(int(llama_server.rpartition(":")[2]))
    proxy.leave()
    engine = make(proxy.address)
    until(lambda: engine.state().status == "failed", 5)
    assert "cannot be reached" in engine.state().sentence
    _, problem = failure(engine)
    assert "cannot be reached" in str(problem)
    with pytest.raises(Unavailable):
        engine.count(["a"])
    again = FaultProxy(int(llama_server.rpartition(":")[2]), port=int(proxy.address.rpartition(":")[2]))
    until(lambda: engine.state().status == "ready", 5)
    assert told(engine.answer(HELLO, SHORT))[0]
    again.close()


def test_a_server_that_goes_is_noticed_by_the_answer_that_misses_it(proxy, engine, make):
    gone = make("http://127.0.0.1:9")
    began = time.monotonic()
    failure(gone)
    assert time.monotonic() - began < 10
    proxy.leave()
    _, problem = failure(engine)
    assert "cannot be reached" in str(problem)
    assert engine.state().status == "failed"
    assert engine.count(["still counted, by an estimate"])[0] > 3


def test_a_server_that_loads_its_model_says_so(proxy, make):
    proxy.usual = response(503, b'{"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}')
    engine = make()
    until(lambda: engine.state().status == "failed", 5)
    assert "is loading its model" in engine.state().sentence
    proxy.usual = None
    until(lambda: engine.state().status == "ready", 5)


@pytest.mark.parametrize("fault", [
    silence, hang_after(b"HTTP/1.1 200 OK\r\n"), response(200, b"<html>", Content_Type="text/html"),
    response(200, b"[" * 100_000), response(404), b"\x00\x01", endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 60_000),
])
def test_a_server_of_another_kind_is_one_clear_sentence(proxy, make, fault):
    proxy.usual = fault
    engine = make(limits=Limits(look=0.3, retry=9))
    began = time.monotonic()
    assert engine.state().status == "loading"
    assert time.monotonic() - began < 3
    until(lambda: engine.state().status == "failed", 20)
    assert "127.0.0.1" in engine.state().sentence


def test_counting_falls_back_to_the_estimate(proxy, engine):
    exact = engine.count(["one two three"])[0]
    proxy.usual = silence
    began = time.monotonic()
    assert engine.count(["one two three"]) == [exact]  # kept
    assert engine.count(["four five six"])[0] >= 3
    assert engine.count(["seven eight"] * 20)[0] >= 2  # it rests
    assert time.monotonic() - began < 2


def test_whoever_waits_is_told_so_and_the_line_is_bounded(proxy, make):
    engine = make(parallel=1, queue=1, token_timeout=20)
    until(lambda: engine.state().status == "ready", 5)
    proxy.faults = [silence]
    first, second = engine.answer(HELLO, SHORT, owner="a"), engine.answer(HELLO, SHORT, owner="b")
    next(first)
    until(lambda: next(first) is not None and asked(proxy), 5)
    began = time.monotonic()
    assert next(second).text == ""
    assert time.monotonic() - began < 5
    with pytest.raises(TooMany):
        next(engine.answer(HELLO, SHORT, owner="c"))
    assert engine.busy() == 2
    first.close()
    assert told(second)[0]
    assert engine.busy() == 0


def test_closing_the_engine_ends_what_runs(proxy, make):
    engine = make(token_timeout=60)
    proxy.faults = [silence]
    problems = []

    def ask():
        try:
            list(engine.answer(HELLO, SHORT))
        except Unavailable as problem:
            problems.append(problem)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: asked(proxy), 5)
    engine.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(problems) == 1
    assert proxy.gone.wait(2)
    with pytest.raises(Unavailable):
        list(engine.answer(HELLO, SHORT))


def test_nothing_shows_the_key(engine):
    assert "hidden-word" not in repr(engine) + repr(engine._server) + repr(engine._server.wire()) + repr(engine.state())
