"""The parts of the remote engine, each alone: addresses, events, answers, counting, the circuit, the line."""

import base64
import importlib.util
import json
import random
import threading
import time
from pathlib import Path

import pytest
import tiktoken

from tests.computed import computed_within
from webbot.engines.remotes.address import Address, authorization, secrets_of
from webbot.engines.remotes.asking import Dialect, chat, completion
from webbot.engines.remotes.circuit import Circuit
from webbot.engines.remotes.counting import Counter, Tokenize, estimate
from webbot.engines.remotes.events import Events, TooLarge
from webbot.engines.remotes.faults import Refusals, lost
from webbot.engines.remotes.line import Line
from webbot.engines.remotes.reading import Answer, Told, Unreadable, vectors_of
from webbot.engines.remotes.wire import _is_upgrade
from webbot.errors import BadInput, NotFound, SettingsError, TooLong, TooMany, Unavailable
from webbot.messages import Message, Options, Tool, ToolCall

ROOT = Path(__file__).parents[2]


# addresses


@pytest.mark.parametrize(("url", "bases", "root", "host"), [
    ("http://host:8080", ("http://host:8080/v1", "http://host:8080"), "http://host:8080", "host:8080"),
    ("http://host:8080/", ("http://host:8080/v1", "http://host:8080"), "http://host:8080", "host:8080"),
    (" https://Host/v1/ ", ("https://host/v1",), "https://host", "host"),
    ("http://127.0.0.1:1/v1/chat/completions", ("http://127.0.0.1:1/v1",), "http://127.0.0.1:1", "127.0.0.1:1"),
    ("http://host/generate_stream", ("http://host/v1", "http://host"), "http://host", "host"),
    ("https://host/llm", ("https://host/llm", "https://host/llm/v1"), "https://host/llm", "host"),
    ("https://host/openai/v1", ("https://host/openai/v1",), "https://host/openai", "host"),
    ("http://[::1]:8000/v1", ("http://[::1]:8000/v1",), "http://[::1]:8000", "[::1]:8000"),
    ("https://bücher.de/v1", ("https://xn--bcher-kva.de/v1",), "https://xn--bcher-kva.de", "xn--bcher-kva.de"),
])
def test_an_address_is_read_with_or_without_v1(url, bases, root, host):
    read = Address.parse(url)
    assert (read.bases, read.root, read.host) == (bases, root, host)


@pytest.mark.parametrize("url", [
    "", "host:8080", "file:///etc/passwd", "ftp://host/v1", "http://", "http:///v1", "http://:8080", "http://name@host/v1",
    "http://name:hidden-word@host/v1", "http://host:port/v1", "http://host:99999/v1", "http://host/v1?key=hidden-word",
    "http://host/#x", "http://ho st/v1", "http://host\r\nX: y/v1", "http://host\t/v1", "http://a\\b/v1", "http://[::1/v1",
    "javascript:alert(1)", "http://\ud800/v1",
])
def test_an_address_that_is_none_is_refused_without_a_word_of_it(url):
    with pytest.raises(SettingsError) as refusal:
        Address.parse(url)
    assert "hidden-word" not in str(refusal.value)


def test_openai_is_known_by_its_host_alone():
    assert Address.parse("https://api.openai.com/v1").openai
    assert Address.parse("https://mine.openai.azure.com/openai/v1").openai
    for url in ("https://api.openai.com.example/v1", "https://notapi.openai.com.evil/v1", "http://localhost:1/api.openai.com/v1"):
        assert not Address.parse(url).openai


@pytest.mark.parametrize(("key", "header"), [
    ("", ""), (" \n", ""), ("sk-abc\n", "Bearer sk-abc"), ("user:word", "Basic dXNlcjp3b3Jk"), ("Bearer sk:abc", "Bearer sk:abc"),
])
def test_a_key_signs_in_by_bearer_or_basic(key, header):
    assert authorization(key) == header


def test_a_key_cannot_smuggle_a_header():
    with pytest.raises(SettingsError) as refusal:
        authorization("sk-abc\r\nX-Evil: 1")
    assert "sk-abc" not in str(refusal.value)


# events


def events(*pieces, most=100):
    reader = Events(most)
    found = [data for piece in pieces for data in reader.push(piece)]
    return found + list(reader.finish())


def test_events_are_the_same_however_they_are_cut():
    text = (': comment\n\ndata: {"a": 1}\n\ndata:{"b": "ü"}\r\n\r\nevent: x\nid: 3\ndata: one\ndata: two\n\n\n\n'
            "data: [DONE]\n\n").encode()
    whole = [b'{"a": 1}', '{"b": "ü"}'.encode(), b"one\ntwo", b"[DONE]"]
    assert events(text) == whole
    assert events(*(text[place:place + 1] for place in range(len(text)))) == whole
    for cut in range(len(text)):
        assert events(text[:cut], text[cut:]) == whole


def test_the_last_event_counts_though_its_empty_line_is_missing():
    assert events(b"data: [DONE]") == [b"[DONE]"]
    assert events(b"error: {}\n") == [b'{"error":{}}']
    assert events(b"") == []


@pytest.mark.parametrize("pieces", [[b"data: " + b"x" * 200], [b"x"] * 200, [b"data: x\n"] * 50])
def test_a_line_or_an_event_without_end_is_cut_off(pieces):
    with pytest.raises(TooLarge):
        events(*pieces)


# answers


def chunk(**choice):
    return json.dumps({"choices": [{"index": 0, **choice}]}).encode()


def test_fragments_of_calls_are_joined():
    answer = Answer()
    for fragment in (
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"city": '}},
        {"index": 1, "id": "call_2", "function": {"name": "clock"}},
        {"index": 0, "function": {"arguments": '"Paris"}'}},
    ):
        assert answer.read(chunk(delta={"tool_calls": [fragment]})) is None
    assert answer.calls() == [ToolCall(name="get_weather", arguments='{"city": "Paris"}', id="call_1"),
                              ToolCall(name="clock", arguments="{}", id="call_2")]


def test_calls_that_share_a_number_are_told_apart_by_their_ids():
    answer = Answer()
    answer.read(chunk(delta={"tool_calls": [
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}},
        {"index": 0, "id": "b", "function": {"name": "g", "arguments": {"x": 1}}},
    ]}))
    first, second = answer.calls()
    assert (first.name, first.id, second.name, second.arguments) == ("f", "a", "g", '{"x": 1}')


def test_a_call_without_a_number_or_an_id_is_whole_and_gets_one():
    answer = Answer()
    answer.read(chunk(delta={"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}, {"function": {"name": "g"}}]}))
    first, second = answer.calls()
    assert (first.name, second.name) == ("f", "g")
    assert first.id
    assert first.id != second.id


@pytest.mark.parametrize("arguments", ["{", "[1]", "null", "{} {}", "nonsense"])
def test_arguments_that_are_no_object_are_refused(arguments):
    answer = Answer()
    answer.read(chunk(delta={"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}]}))
    with pytest.raises(Unreadable):
        answer.calls()


def test_tokens_come_as_bytes_in_both_forms():
    answer = Answer(likeliest=1)
    delta = answer.read(chunk(delta={"content": "ü"}, logprobs={"content": [
        {"token": "\ufffd", "bytes": [0xC3], "logprob": -0.5, "top_logprobs": [
            {"token": "\ufffd", "bytes": [0xC3], "logprob": -0.5}, {"token": "u", "bytes": None, "logprob": -1}]},
        {"token": "\ufffd", "bytes": [0xBC], "logprob": -0.1, "top_logprobs": []},
    ]}))
    assert b"".join(token.data for token in delta.tokens) == "ü".encode()
    assert delta.tokens[0].likeliest == ((b"\xc3", -0.5),)
    old = answer.read(chunk(text="a b", logprobs={
        "tokens": ["a", "bytes:\\xe4\\xbd"], "token_logprobs": [None, -2], "top_logprobs": [{"a": -1, "b": -0.5}, None]}))
    assert [(token.data, token.logprob, token.likeliest) for token in old.tokens] == [
        (b"a", 0.0, ((b"b", -0.5),)), (b"\xe4\xbd", -2.0, ())]


@pytest.mark.parametrize("data", [
    b"", b"{", b"[]", b"3", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"choices": 3}', b'{"choices": [{"delta": 3}]}',
    b'{"choices": [{"delta": {"content": 3}}]}', b'{"choices": [{"delta": {"tool_calls": 3}}]}',
    b'{"choices": [{"delta": {"tool_calls": [3]}}]}',
    b'{"choices": [{"delta": {"tool_calls": [{"function": {"name": 1}}]}}]}',
    b'{"choices": [{"logprobs": {"content": [3]}}]}',
    b'{"choices": [{"logprobs": {"content": [{"bytes": [999], "logprob": 1}]}}]}',
    b'{"choices": [{"logprobs": {"content": [{"token": "a", "logprob": "b"}]}}]}',
    b'{"choices": [{"logprobs": {"tokens": ["a"], "token_logprobs": []}}]}',
    b'{"choices": [{"delta": {"tool_calls": [{"index": 0, "id": [], "function": {}}]}}]}',
])
def test_what_is_no_chunk_is_called_unreadable(data):
    with pytest.raises(Unreadable):
        Answer().read(data)


@pytest.mark.parametrize("data", [
    b'{"choices": []}', b'{"choices": null, "usage": 3}', b'{"choices": [{"index": 1, "delta": {"content": "other"}}]}',
    b'{"choices": [{"delta": null}]}', b'{"choices": [{"delta": {"role": "assistant", "content": null}}]}', b"{}",
])
def test_chunks_that_say_nothing_say_nothing(data):
    answer = Answer()
    assert answer.read(data) is None
    assert answer.signs == 0


def test_half_characters_are_mended():
    delta = Answer().read(b'{"choices": [{"delta": {"content": "a\\ud83d"}}]}')
    assert delta.text.encode().decode() == "a\ufffd"
    assert Answer().read(b'{"choices": [{"delta": {"content": "\\ud83d\\ude00"}}]}').text == "\U0001f600"


def test_reasoning_is_a_sign_of_life_and_not_shown():
    answer = Answer()
    assert answer.read(chunk(delta={"reasoning_content": "hm"})) is None
    assert answer.signs == 1


def test_an_error_in_the_stream_is_told():
    with pytest.raises(Told) as told:
        Answer().read(b'{"error": {"message": "out of memory"}}')
    assert str(Refusals("host").inside(told.value.error)) == "The model server host ended the answer with an error: out of memory"


def test_vectors_have_unit_length_and_the_order_of_their_texts():
    said = {"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}], "usage": {"prompt_tokens": 7}}
    vectors, tokens = vectors_of(json.dumps(said).encode(), 2)
    assert vectors == [[0.6, 0.8], [0.0, 1.0]]
    assert tokens == 7
    for bad in (b"", b"[]", b'{"data": []}', b'{"data": [{"embedding": []}, {"embedding": ["a"]}]}', b'{"data": [1, 2]}'):
        with pytest.raises(Unreadable):
            vectors_of(bad, 2)


# requests


def test_a_request_says_all_that_was_asked():
    call = ToolCall(name="f", arguments="{}", id="1")
    asked = [Message(role="user", text="hi"), Message(role="assistant", text="", tool_calls=(call,)),
             Message(role="tool", text="done", tool_call="1")]
    options = Options(
        temperature=0.2, top_p=0.5, seed=3, max_tokens=9, presence_penalty=1, frequency_penalty=-1, logit_bias={5: 2.0},
        logprobs=0, schema={"type": "string"}, tools=(Tool(name="f", description="does"),), tool="f",
    )
    body = chat(asked, options, ("a", "b", "c", "d", "e"), Dialect())
    assert body["messages"][1] == {"role": "assistant", "content": None, "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    assert body["messages"][2] == {"role": "tool", "content": "done", "tool_call_id": "1"}
    assert body["stop"] == ["a", "b", "c", "d"]
    assert (body["temperature"], body["top_p"], body["seed"], body["max_tokens"]) == (0.2, 0.5, 3, 9)
    assert (body["presence_penalty"], body["frequency_penalty"], body["logit_bias"]) == (1, -1, {"5": 2.0})
    assert (body["logprobs"], body["top_logprobs"]) == (True, 1)
    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": {"type": "string"}, "strict": True}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(("kind", "expected"), [
    ("vllm", {"top_k": 40, "min_p": 0.1, "repetition_penalty": 1.2}),
    ("llama.cpp", {"top_k": 40, "min_p": 0.1, "repeat_penalty": 1.2, "repeat_last_n": 131072}),
])
def test_what_goes_beyond_openai_is_sent_by_the_servers_own_names(kind, expected):
    dialect, asked = Dialect(), [Message(role="user", text="hi")]
    dialect.kind = kind
    wished = chat(asked, Options(top_k=40, min_p=0.1, repetition_penalty=1.2), (), dialect)
    assert {name: value for name, value in wished.items() if name not in chat(asked, Options(), (), dialect)} == expected
    for name in ("min_p", "repetition_penalty"):
        with pytest.raises(BadInput) as refusal:
            chat(asked, Options(**{name: float("nan")}), (), dialect)
        assert refusal.value.parameter == name


def test_a_plain_request_to_openai_holds_nothing_that_its_models_refuse():
    asked = [Message(role="user", text="hi")]
    assert set(chat(asked, Options(temperature=1, top_p=1, max_tokens=5), (), Dialect(openai=True))) == {
        "messages", "max_completion_tokens", "stream", "stream_options"}
    assert {"temperature", "top_p", "max_tokens"} < set(chat(asked, Options(temperature=1, top_p=1, max_tokens=5), (), Dialect()))


def test_what_a_server_refuses_and_is_not_needed_is_left_out_from_then_on():
    dialect = Dialect()
    assert dialect.learn("stream_options")
    assert not dialect.learn("stream_options")
    assert dialect.learn("max_tokens")
    assert not dialect.learn("max_completion_tokens")
    assert not dialect.learn("temperature")
    body = chat([Message(role="user", text="hi")], Options(max_tokens=3), (), dialect)
    assert body["max_completion_tokens"] == 3
    assert not {"stream_options", "max_tokens"} & set(body)


@pytest.mark.parametrize(("parameter", "options"), [
    ("temperature", {"temperature": float("nan")}), ("top_p", {"top_p": float("inf")}), ("max_tokens", {"max_tokens": 0}),
    ("logit_bias", {"logit_bias": {1: float("nan")}}), ("stop", {"stop": ("\ud800",)}),
    ("response_format", {"schema": {"enum": ["\udc00"]}}), ("response_format", {"schema": {"a": object()}}),
    ("tools", {"tools": (Tool(name="f", parameters={"a": float("nan")}),)}),
])
def test_what_cannot_be_sent_is_refused_by_name(parameter, options):
    options = Options(**options)
    with pytest.raises(BadInput) as refusal:
        chat([Message(role="user", text="hi")], options, options.stop, Dialect())
    assert refusal.value.parameter == parameter


@pytest.mark.parametrize("messages", [
    [], [Message(role="tool", text="x")], [Message(role="tool", text="x", tool_call="1")], [Message(role="other", text="x")],
    [Message(role="user", text="\ud800")],
])
def test_messages_that_cannot_be_sent_are_refused(messages):
    with pytest.raises(BadInput) as refusal:
        chat(messages, Options(), (), Dialect())
    assert refusal.value.parameter == "messages"


@pytest.mark.parametrize(("prompt", "options"), [
    ("", {}), ([], {}), ("\ud800", {}), ("a", {"schema": {}}), ("a", {"tools": (Tool(name="f"),)}),
])
def test_plain_texts_that_cannot_be_sent_are_refused(prompt, options):
    with pytest.raises(BadInput) as refusal:
        completion(prompt, Options(**options), (), Dialect())
    assert refusal.value.parameter


# refusals


@pytest.mark.parametrize(("status", "error", "kind", "parameter"), [
    (400, {"message": "bad", "param": "temperature"}, BadInput, "temperature"),
    (400, {"message": "Unknown name `seed`"}, BadInput, "seed"),
    (400, {"message": "JSON schema error at #"}, BadInput, "response_format"),
    (400, {"message": "x", "param": "evil\nname"}, BadInput, ""),
    (400, {"message": "too long", "code": "context_length_exceeded"}, TooLong, ""),
    (400, {"message": "This model's maximum context length is 10 tokens"}, TooLong, ""),
    (413, {"message": "The prompt has at least 9 tokens"}, TooLong, ""),
    (401, {"message": "Incorrect key sk-hidden"}, Unavailable, ""),
    (403, {}, Unavailable, ""),
    (404, {"message": "The model `x` does not exist"}, NotFound, "model"),
    (404, {}, Unavailable, ""),
    (301, {}, Unavailable, ""), (429, {}, TooMany, ""), (500, {}, Unavailable, ""), (418, {}, BadInput, ""),
])
def test_refusals_become_problems(status, error, kind, parameter):
    sent = {"messages": [], "seed": 1, "response_format": {}, "model": "x"}
    fault = Refusals("host:1", ("sk-hidden",)).read(status, {}, json.dumps({"error": error}).encode(), model="x", sent=sent)
    assert type(fault.problem) is kind
    assert fault.problem.parameter == parameter
    assert "host:1" in str(fault.problem)
    assert "sk-hidden" not in repr(fault.problem)


@pytest.mark.parametrize(("url", "location", "is_upgrade"), [
    ("http://host:80/v1/models", "https://host/v1/models", True), ("http://host/", "https://HOST:8443/", True),
    ("http://host/", "https://other/", False), ("https://host/", "https://host/x", False), ("http://host/", "/v1", False),
    ("http://host/", "https://[", False), ("http://host/", "", False),
])
def test_a_server_that_sends_on_to_its_own_https(url, location, is_upgrade):
    assert _is_upgrade(url, location) is is_upgrade


def test_details_of_other_servers_are_read():
    read = Refusals("host").read
    detail = {"detail": [{"loc": ["body", "top_p"], "msg": "must be less"}]}
    assert read(422, {}, json.dumps(detail).encode(), sent={}).problem.parameter == "top_p"
    tgi = {"error": "Input validation error: `inputs` must have less than 10 tokens. Given: 20"}
    assert isinstance(read(422, {}, json.dumps(tgi).encode(), sent={}).problem, TooLong)
    odd = b'{"error": {"message": 3, "param": 3, "code": 3}}'
    for body in (b"", b"<html>", b"[]", b'"x"', b"[" * 100_000, b'{"error": 3}', odd):
        assert "host" in str(read(400, {}, body, sent={"seed": 1}).problem)


def test_what_a_server_says_is_one_clean_line_without_the_key():
    refusals = Refusals("host", secrets_of("user:hidden-word"))
    told = refusals.clean("a\r\nb\x1b[31m \u202e hidden-word dXNlcjpoaWRkZW4td29yZA== user:hidden-word " + "x" * 1000)
    assert "hidden" not in told
    assert "dXNl" not in told
    assert told.isprintable()
    assert len(told) <= 300


@pytest.mark.parametrize(("value", "seconds"), [
    ("7", 7), ("0", 1), ("999999999999999", 3600), ("-1", 5), ("soon", 5), ("", 5), ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
    ("Wed, 21 Oct 2999 07:28:00 GMT", 3600),
])
def test_the_pause_that_a_server_asks_for_is_passed_on(value, seconds):
    assert Refusals("host").read(429, {"retry-after": value}, b"", sent={}).problem.retry_after == seconds


# counting


def vocabulary(name):
    """A real vocabulary of 50 000 tokens that needs no network: those of Whisper's package."""
    folder = Path(importlib.util.find_spec("whisper").origin).parent  # without importing it
    lines = (line.split() for line in (folder / "assets" / f"{name}.tiktoken").read_bytes().splitlines())
    return tiktoken.Encoding(name, pat_str=r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
                             mergeable_ranks={base64.b64decode(token): int(rank) for token, rank in lines}, special_tokens={})


def test_the_estimate_leans_to_too_many():
    english, every = vocabulary("gpt2"), vocabulary("multilingual")
    texts = {
        "prose": (ROOT / "docs" / "architecture.md").read_text(), "lists": (ROOT / "docs" / "settings.md").read_text(),
        "program": "\n".join(line.strip() for line in (ROOT / "webbot" / "memory.py").read_text().splitlines()),
        "json": json.dumps({f"name {number}": [number, number / 7, None, True] for number in range(200)}),
        "german": "Der Bundespräsident empfängt übermorgen die Außenminister; große Straßen bleiben leer. " * 20,
        "russian": "Мы живём, под собою не чуя страны, наши речи за десять шагов не слышны. " * 20,
        "numbers": " ".join(str(random.Random(3).randrange(10**9)) for _ in range(200)),
        "short words": "a b c I am he is it. " * 50,
        "nothing": "", "one": "x",
    }
    for name, text in texts.items():
        assert estimate(text) >= len(every.encode(text)), name
    assert len(english.encode(texts["prose"])) <= estimate(texts["prose"]) < 1.8 * len(english.encode(texts["prose"]))
    assert 1.4 < estimate("我们今天去公园看花" * 10) / 90 < 1.6
    assert estimate("\U0001f30d" * 10) == 30
    assert estimate("\ud800") > 0


def test_a_long_text_is_estimated_at_once():
    assert computed_within(1, lambda: estimate("word and 12 другое слово 世界 " * 100_000)) > 1_000_000


def test_many_texts_are_counted_beside_one_another_and_kept():
    asked, most, now, lock = [], [0], [0], threading.Lock()

    def ask(url, sent, seconds):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            asked.append(sent["content"])
        time.sleep(0.005)
        with lock:
            now[0] -= 1
        return 200, json.dumps({"tokens": list(range(len(sent["content"].split())))}).encode()

    counter, call = Counter(ask, seconds=5), Tokenize("llama.cpp", "http://x/tokenize", "m")
    texts = [f"text {'and ' * (number % 7)}{number}" for number in range(100)]
    assert counter.count(texts, call) == [len(text.split()) for text in texts]
    assert 2 <= most[0] <= 8
    assert counter.count([*texts, ""], call)[-1] == 0
    assert len(asked) == 100
    assert counter.count(["a b"], Tokenize("llama.cpp", "http://x/tokenize", "other")) == [2]
    assert len(asked) == 101


def test_a_server_that_does_not_count_is_not_waited_for():
    asked = []

    def ask(url, sent, seconds):
        asked.append(seconds)
        raise lost("host")

    counter, call = Counter(ask, seconds=0.2), Tokenize("vllm", "http://x/tokenize", "m")
    assert counter.count(["some words here"] * 50, call) == [estimate("some words here")] * 50
    assert len(asked) <= 8
    counter.count(["other"], call)
    assert len(asked) <= 8


def test_a_server_that_hangs_holds_a_count_up_for_its_limit_only():
    counter = Counter(lambda url, sent, seconds: time.sleep(1) or (200, b"{}"), seconds=0.1)
    call = Tokenize("tgi", "http://x", "m")
    began = time.monotonic()
    assert counter.count(["a"] * 3, call) == [1, 1, 1]
    assert time.monotonic() - began < 1.5


def test_an_estimate_that_was_too_low_counts_more_under_another_name():
    counter = Counter(lambda *_: (200, b""))
    assert (counter.name(None), counter.count(["word " * 100], None)) == ("estimate", [126])
    counter.was_too_low()
    assert counter.count(["word " * 100], None) == [189]
    assert counter.name(None) == "estimate times 1.5"
    for _ in range(10):
        counter.was_too_low()
    assert counter.scale == 4.0


# the circuit and the line


def test_the_circuit_opens_and_lets_one_through_at_a_time():
    circuit = Circuit(most=2, seconds=0.05)
    assert circuit.enter()
    circuit.failed()
    assert circuit.enter()
    circuit.failed()
    assert circuit.left > 0
    assert not circuit.enter()
    time.sleep(0.06)
    assert circuit.enter()
    assert not circuit.enter()  # the trial is on its way
    circuit.left_alone()
    assert circuit.enter()
    circuit.failed()
    assert not circuit.enter()
    time.sleep(0.06)
    assert circuit.enter()
    circuit.succeeded()
    assert circuit.enter()
    circuit.failed()
    assert circuit.enter()


def through(line, owner, log):
    for _ in line.enter(owner):
        pass
    log.append(owner)


def test_owners_take_turns():
    line, log = Line(1, 10, 5), []
    through(line, "first", log)
    threads = []
    for owner in ("a", "a", "a", "b", "c"):
        threads.append(threading.Thread(target=through, args=(line, owner, log), daemon=True))
        threads[-1].start()
        until = time.monotonic() + 5
        while line.busy() < len(threads) + 1 and time.monotonic() < until:
            time.sleep(0.001)
    for count in range(1, 7):
        line.leave()
        until = time.monotonic() + 5
        while len(log) < min(count + 1, 6) and time.monotonic() < until:
            time.sleep(0.001)
    assert log == ["first", "a", "b", "c", "a", "a"]
    assert line.busy() == 0


def test_a_full_line_is_refused_and_leaving_it_makes_room():
    line = Line(1, 2, 1)
    assert list(line.enter("a")) == []
    waiting = line.enter("a")
    next(waiting)
    with pytest.raises(TooMany):
        next(line.enter("a"))
    other = line.enter("b")
    next(other)
    with pytest.raises(TooMany):
        next(line.enter("c"))
    waiting.close()
    line.leave()
    assert list(other) == []
    line.leave()
    assert line.busy() == 0


def test_a_turn_that_came_while_its_owner_left_goes_to_the_next():
    line = Line(1, 5, 5)
    list(line.enter("a"))
    gone, stays = line.enter("b"), line.enter("c")
    next(gone)
    next(stays)
    line.leave()
    gone.close()
    assert list(stays) == []
    line.leave()
    assert line.busy() == 0
