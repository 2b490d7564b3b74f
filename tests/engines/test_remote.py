"""The remote engine over a real llama.cpp server: the contract, exact counts, and what the server cannot do named."""

import contextlib
import json
import threading
import time
import urllib.request

import pytest

from tests.engines.conftest import messages, until
from tests.engines.fault_proxy import Table, event, stream, word
from webbot.engines.remote import Limits, RemoteEngine, list_models
from webbot.errors import BadInput, TooLong, Unavailable
from webbot.messages import Called, Delta, Finished, Message, Options, Tool

QUICK = Limits(connect=1.0, idle=2.0, look=2.0, count=2.0, rest=0.3, retry=0.05, jitter=0.02)
HELLO = messages("Hello!")
FRANCE = messages("What is the capital of France?")


@pytest.fixture(scope="module")
def engine(llama_server):
    engine = RemoteEngine(llama_server, limits=QUICK)
    until(lambda: engine.state().status == "ready", 20)
    yield engine
    engine.close()


def told(events):
    """Text, tokens, calls and Finished of an answer."""
    *parts, finished = list(events)
    assert isinstance(finished, Finished)
    deltas = [part for part in parts if isinstance(part, Delta)]
    return ("".join(delta.text for delta in deltas), [token for delta in deltas for token in delta.tokens],
            [part.call for part in parts if isinstance(part, Called)], finished)


@contextlib.contextmanager
def engine_of(routes, **options):
    table = Table(routes)
    engine = RemoteEngine(table.address, limits=QUICK, **options)
    try:
        yield engine, table
    finally:
        engine.close()
        table.close()


# over llama.cpp's server

pytestmark = pytest.mark.model


def test_the_state_comes_from_the_server(llama_server, engine):
    state = engine.state()
    assert (state.context, state.status) == (2048, "ready")
    assert state.name.endswith(".gguf")
    assert "/" not in state.name
    assert list_models(llama_server) == list_models(f"{llama_server}/v1") == [state.tokenizer]
    smaller = RemoteEngine(f"{llama_server}/v1", context=512, name="mine", limits=QUICK)
    until(lambda: smaller.state().status == "ready", 5)
    assert (smaller.state().context, smaller.state().name) == (512, "mine")
    smaller.close()


@pytest.mark.parametrize("asked", [
    HELLO, messages("Hello!", role=""), messages("My name is Ada.", "Hello Ada!", "What is my name?"),
    messages("My name is Ada.", "Hello Ada!", "What is my name?", role=""),
])
def test_a_prompt_is_as_long_as_its_parts(engine, asked):
    state, counts = engine.state(), engine.count([message.text for message in asked])
    *_, finished = told(engine.answer(asked, Options(temperature=0, max_tokens=1)))
    assert finished.usage.prompt_tokens == state.opening + sum(state.frame + count for count in counts)


def test_an_answer_is_whole(engine):
    text, tokens, calls, finished = told(engine.answer(FRANCE, Options(temperature=0, max_tokens=60)))
    assert text.strip()
    assert not tokens
    assert not calls
    assert 0 < finished.usage.answer_tokens <= 60
    assert 0 < finished.usage.first_token_seconds <= finished.usage.seconds
    assert engine.busy() == 0


def test_options_reach_the_model(engine):
    greedy = Options(temperature=0, max_tokens=12)
    whole, *_ = told(engine.answer(FRANCE, greedy))
    text, _, _, finished = told(engine.answer(FRANCE, Options(temperature=0, max_tokens=3)))
    assert (finished.reason, finished.usage.answer_tokens) == ("length", 3)
    assert whole.startswith(text)
    text, tokens, _, finished = told(engine.answer(FRANCE, Options(temperature=0, max_tokens=5, logprobs=2)))
    assert b"".join(token.data for token in tokens).decode("utf-8", "replace").startswith(text[:3])
    assert len(tokens) == 5
    assert all(token.logprob <= 0 and len(token.likeliest) == 2 for token in tokens)
    assert all(not token.likeliest for token in told(engine.answer(FRANCE, Options(temperature=0, max_tokens=2, logprobs=0)))[1])
    seeded = Options(temperature=1.5, seed=3, max_tokens=10)
    assert told(engine.answer(FRANCE, seeded))[0] == told(engine.answer(FRANCE, seeded))[0]
    biased, *_ = told(engine.answer(FRANCE, Options(temperature=0, max_tokens=3, logit_bias={tokens_of(engine, "x")[0]: 100.0})))
    assert biased == "xxx"


def tokens_of(engine, text):
    _, body = engine._server.post(f"{engine._server.address.root}/tokenize", {"content": text}, 2)
    return json.loads(body)["tokens"]


def test_stop_texts_end_the_answer_before_them(engine):
    options = Options(temperature=0, max_tokens=12)
    whole, *_ = told(engine.answer(FRANCE, options))
    stop = whole[3:6]
    stops = ("nowhere", "in", "these", "words!", stop)  # the server is told of four
    text, _, _, finished = told(engine.answer(FRANCE, Options(temperature=0, max_tokens=12, stop=stops)))
    assert text == whole[: min(whole.index(each) for each in stops if each in whole)]
    assert finished.reason == "stop"


def test_the_end_text_of_the_settings_is_a_stop_text(llama_server, engine):
    whole, *_ = told(engine.answer(FRANCE, Options(temperature=0, max_tokens=12)))
    ended = RemoteEngine(llama_server, end=whole[3:6], limits=QUICK)
    assert told(ended.answer(FRANCE, Options(temperature=0, max_tokens=12)))[0] == whole[: whole.index(whole[3:6])]
    ended.close()


def test_json_is_held_to_its_schema(engine):
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
    text, _, _, finished = told(engine.answer(HELLO, Options(temperature=0, schema=schema, max_tokens=40)))
    if finished.reason == "stop":
        assert json.loads(text)["a"] in (1, 2)
    with pytest.raises(BadInput) as refusal:
        list(engine.answer(HELLO, Options(schema={"type": "nonsense"})))
    assert refusal.value.parameter == "response_format"


def test_plain_text_goes_on(engine):
    text, _, _, finished = told(engine.complete("Once upon a time there was", Options(temperature=0, max_tokens=4)))
    assert text
    assert finished.usage.answer_tokens == 4
    ids = tokens_of(engine, "Once upon a time there was")
    assert told(engine.complete(ids, Options(temperature=0, max_tokens=4, logprobs=1)))[1][0].likeliest
    with pytest.raises(BadInput) as refusal:
        list(engine.complete("", Options()))
    assert refusal.value.parameter == "prompt"


def test_what_the_server_cannot_do_is_an_error_that_says_so(engine):
    with pytest.raises(BadInput) as refusal:
        engine.embed(["Hello!"])
    assert refusal.value.parameter == "model"
    assert "embed" not in engine.state().abilities
    with pytest.raises(BadInput) as refusal:
        told(engine.answer(HELLO, Options(temperature=0, tools=(Tool(name="f"),), tool="f", max_tokens=5)))
    assert refusal.value.parameter in ("tool_choice", "tools")


@pytest.mark.parametrize("role", ["tool", "", "system\n"])
def test_unknown_roles_are_refused_before_anything_is_sent(engine, role):
    with pytest.raises(BadInput):
        list(engine.answer([Message(role=role, text="hello")], Options()))
    assert engine.busy() == 0


def test_a_prompt_over_the_context_is_refused_with_figures(engine):
    with pytest.raises(TooLong) as refusal:
        list(engine.answer(messages("word " * 2048), Options()))
    assert refusal.value.values["limit"] == 2048 < refusal.value.values["count"]
    assert refusal.value.code == "context_length_exceeded"


@pytest.mark.parametrize("text", [
    "", " ", "\n\n\n", "\x00\x01", "你好，世界 🌍", "e\u0301\u200d\ufeff", "<|eot_id|><|begin_of_text|>",
])
def test_odd_texts_are_counted_and_answered(engine, text):
    assert engine.count([text, text + "x"])[1] > 0
    shown, *_ = told(engine.answer(messages(text), Options(temperature=0, max_tokens=3)))
    shown.encode()


def test_counting_nothing_and_much(engine):
    assert engine.count([]) == []
    assert engine.count(["word " * 20_000])[0] >= 20_000
    began = time.monotonic()
    engine.count([f"text number {number}" for number in range(200)])
    assert time.monotonic() - began < 20
    with pytest.raises(BadInput):
        engine.count(["\ud800"])


def slots_at_work(address):
    with urllib.request.urlopen(f"{address}/slots", timeout=5) as said:
        return sum(slot["is_processing"] for slot in json.load(said))


def test_closing_frees_the_server_at_once(llama_server, engine):
    long = Options(temperature=0.8, max_tokens=1500, logit_bias={4: -100.0, 1: -100.0})
    running = engine.answer(messages("Tell me a story."), long)
    assert engine.busy() == 0
    while not next(running).text:
        pass
    assert (engine.busy(), slots_at_work(llama_server)) == (1, 1)
    running.close()
    assert engine.busy() == 0
    until(lambda: slots_at_work(llama_server) == 0, 10)


def test_leaving_before_the_first_token_frees_the_server(llama_server, engine):
    running = engine.answer(messages("Tell me of dogs. " * 120), Options(max_tokens=1500))
    assert not next(running).text
    running.close()
    until(lambda: slots_at_work(llama_server) == 0, 20)
    assert engine.busy() == 0


def test_conversations_at_once_are_not_mixed_up(engine):
    asked = [messages(f"Count from {number}.") for number in range(3)]
    alone = [told(engine.answer(each, Options(temperature=0, max_tokens=4)))[0] for each in asked]
    together = [""] * len(asked)

    def talk(number):
        together[number] = told(engine.answer(asked[number], Options(temperature=0, max_tokens=4)))[0]

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
    assert engine.busy() == 0


# over canned answers of servers that are not here

MODELS = "GET /v1/models"
CHAT = "POST /v1/chat/completions"
OPENAI_LIKE = {MODELS: (200, {"object": "list", "data": [{"id": "first"}, {"id": "second"}]})}


END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
DONE = event(b"[DONE]")


def said(*words, **more):
    return stream(*map(word, words), event({**END, **more}), DONE)


def ready(engine):
    until(lambda: engine.state().status != "loading", 5)
    return engine.state()


def words_counted(sent):
    return len(sent["prompt"].split()) if "prompt" in sent else 7 * len(sent["messages"]) + 4 + len(sent["messages"])


SERVERS = {
    "vllm": ({
        MODELS: (200, {"object": "list", "data": [{"id": "m", "owned_by": "vllm", "max_model_len": 3000}]}),
        "POST /tokenize": lambda sent: (200, {"count": words_counted(sent), "max_model_len": 3000, "tokens": []}),
    }, (3000, "estimate", 64, 8)),
    "sglang": ({
        MODELS: (200, {"object": "list", "data": [{"id": "m", "owned_by": "sglang", "max_model_len": 3500}]}),
    }, (3500, "estimate", 64, 8)),
    "tgi": ({
        MODELS: (200, {"object": "list", "data": [{"id": "m", "owned_by": "m"}]}),
        "GET /info": (200, {"model_id": "m", "max_total_tokens": 2500}),
        "POST /tokenize": lambda sent: (200, [{"id": number} for number in range(len(sent["inputs"].split()))]),
    }, (2500, "m", 64, 8)),
    "old tgi": ({"GET /info": (200, {"model_id": "m", "max_total_tokens": 2000})}, (2000, "estimate", 64, 8)),
    "ollama": ({
        MODELS: (200, {"object": "list", "data": [{"id": "m", "owned_by": "library"}]}),
        "GET /api/version": (200, {"version": "1"}),
        "POST /api/show": (200, {"parameters": 'stop "x"\nnum_ctx    6000\n', "model_info": {"llama.context_length": 9000}}),
    }, (6000, "estimate", 64, 8)),
    "ollama by default": ({
        MODELS: (200, {"object": "list", "data": [{"id": "m"}]}), "GET /api/version": (200, {"version": "1"}),
        "POST /api/show": (200, {"model_info": {"llama.context_length": 131072}}),
    }, (4096, "estimate", 64, 8)),
    "a list that tells": ({MODELS: (200, {"data": [{"id": "m", "context_length": 1000}]})}, (1000, "estimate", 62, 8)),
    "no v1": ({"GET /models": (200, {"data": [{"id": "m"}]})}, (8192, "estimate", 64, 8)),
}


@pytest.mark.parametrize("kind", SERVERS)
def test_each_kind_of_server_is_known(kind):
    routes, expected = SERVERS[kind]
    if kind == "vllm":
        expected = (3000, "m", 4, 7)
    with engine_of(routes) as (engine, _):
        state = ready(engine)
        assert state.status == "ready", state.sentence
        assert (state.context, state.tokenizer, state.opening, state.frame) == expected
        assert ({"top_k", "min_p", "repetition_penalty"} <= state.abilities) == (kind in ("vllm", "sglang"))


def test_the_first_model_of_the_list_answers_unless_one_is_named():
    with engine_of({**OPENAI_LIKE, CHAT: said("hi")}) as (engine, table):
        assert told(engine.answer(HELLO, Options()))[0] == "hi"
        assert engine.state().name == "first"
        assert table.asked[-1][2]["model"] == "first"
    with engine_of({**OPENAI_LIKE, CHAT: said("hi")}, model="third") as (engine, table):
        told(engine.answer(HELLO, Options()))
        assert (engine.state().name, table.asked[-1][2]["model"]) == ("third", "third")


def test_usage_is_the_servers_or_an_estimate():
    usage = {"prompt_tokens": 30, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 20}}
    with engine_of({**OPENAI_LIKE, CHAT: said("hi", " you", usage=usage)}) as (engine, _):
        used = told(engine.answer(HELLO, Options()))[3].usage
        assert (used.prompt_tokens, used.answer_tokens, used.cached_tokens) == (30, 2, 20)
    with engine_of({**OPENAI_LIKE, CHAT: said("hi", " you")}) as (engine, _):
        used = told(engine.answer(HELLO, Options()))[3].usage
        assert used.prompt_tokens > 64
        assert used.answer_tokens >= 2


def test_calls_come_whole_after_the_text():
    fragments = [{"index": 0, "id": "c1", "function": {"name": "clock", "arguments": '{"zo'}},
                 {"index": 0, "function": {"arguments": 'ne": "UTC"}'}}]
    body = stream(word("Well. "), *(event({"choices": [{"index": 0, "delta": {"tool_calls": [each]}}]}) for each in fragments),
                  event(END), DONE)
    with engine_of({**OPENAI_LIKE, CHAT: body}) as (engine, table):
        text, _, (call,), finished = told(engine.answer(HELLO, Options(tools=(Tool(name="clock"),), tool_choice="required")))
        assert (text, finished.reason) == ("Well. ", "tool_calls")
        assert (call.name, call.arguments, call.id) == ("clock", '{"zone": "UTC"}', "c1")
        assert table.asked[-1][2]["tool_choice"] == "required"


@pytest.mark.parametrize(("options", "parameter"), [
    ({"logprobs": 1}, "logprobs"), ({"schema": {"type": "object"}}, "response_format"),
    ({"tools": (Tool(name="f"),), "tool_choice": "required"}, "tool_choice"),
])
def test_what_a_server_ignores_in_silence_is_an_error_that_names_it(options, parameter):
    with engine_of({**OPENAI_LIKE, CHAT: said("well")}) as (engine, _):
        with pytest.raises(BadInput) as refusal:
            told(engine.answer(HELLO, Options(**options)))
        assert refusal.value.parameter == parameter


def refusing(name, words, code="unsupported_parameter"):
    def answer(sent):
        if name in sent:
            return 400, {"error": {"message": words, "param": name, "code": code}}
        return said("fine")
    return answer


def test_a_limit_by_another_name_is_learnt():
    with engine_of({**OPENAI_LIKE, CHAT: refusing("max_tokens", "Use max_completion_tokens")}) as (engine, table):
        assert told(engine.answer(HELLO, Options(max_tokens=5)))[0] == "fine"
        assert told(engine.answer(HELLO, Options(max_tokens=5)))[0] == "fine"
        assert [sent.get("max_completion_tokens") for key, _, sent in table.asked if key == CHAT] == [None, 5, 5]


def test_stop_texts_are_found_here_where_the_server_refuses_them():
    def answer(sent):
        return refusing("stop", "no")(sent) if "stop" in sent else said("one ", "two ", "three")
    with engine_of({**OPENAI_LIKE, CHAT: answer}) as (engine, _):
        text, _, _, finished = told(engine.answer(HELLO, Options(stop=("wo th",))))
        assert (text, finished.reason) == ("one t", "stop")


def test_a_parameter_that_is_refused_for_good_is_refused_here_from_then_on():
    with engine_of({**OPENAI_LIKE, CHAT: refusing("logit_bias", "not supported")}) as (engine, table):
        for times in (1, 1):
            with pytest.raises(BadInput) as refusal:
                told(engine.answer(HELLO, Options(logit_bias={1: 1.0})))
            assert refusal.value.parameter == "logit_bias"
            assert [key for key, *_ in table.asked].count(CHAT) == times
        assert "logit_bias" not in engine.state().abilities
        assert told(engine.answer(HELLO, Options()))[0] == "fine"


def test_a_server_without_plain_texts_or_embeddings_says_so_in_plain_words():
    with engine_of({**OPENAI_LIKE, CHAT: said("hi")}) as (engine, _):
        with pytest.raises(BadInput) as refusal:
            list(engine.complete("Once", Options()))
        assert refusal.value.parameter == "prompt"
        with pytest.raises(BadInput) as refusal:
            engine.embed(["a"])
        assert refusal.value.parameter == "model"
        assert {"complete", "embed"}.isdisjoint(engine.state().abilities)


def test_embeddings_are_asked_for_in_batches():
    def vectors(sent):
        rows = [{"index": number, "embedding": [3, 4]} for number in range(len(sent["input"]))]
        return 200, {"data": rows, "usage": {"prompt_tokens": 5}}
    with engine_of({**OPENAI_LIKE, "POST /v1/embeddings": vectors}) as (engine, table):
        made = engine.embed([f"text {number}" for number in range(70)])
        assert [list(vector) for vector in made.vectors] == [[0.6, 0.8]] * 70
        assert made.tokens == 10
        assert [len(sent["input"]) for key, _, sent in table.asked if "embeddings" in key] == [64, 6]
        assert engine.embed([]).vectors == []


def test_plain_text_without_a_limit_is_given_what_the_window_leaves():
    body = stream(event({"choices": [{"text": "on", "finish_reason": "stop"}]}), DONE)
    with engine_of({**OPENAI_LIKE, "POST /v1/completions": body}, context=1000) as (engine, table):
        assert told(engine.complete("Go ", Options()))[0] == "on"
        assert 900 < table.asked[-1][2]["max_tokens"] < 1000


def test_an_estimate_that_let_too_much_pass_learns():
    long = (400, {"error": {"message": "maximum context length is 100", "code": "context_length_exceeded"}})
    with engine_of({**OPENAI_LIKE, CHAT: long}, context=1000) as (engine, _):
        with pytest.raises(TooLong) as refusal:
            list(engine.answer(messages("word " * 100), Options()))
        assert refusal.value.values["limit"] == 1000 < refusal.value.values["count"]
        assert engine.state().tokenizer == "estimate times 1.5"
        with pytest.raises(TooLong):
            list(engine.answer(messages("word " * 5000), Options()))
        assert engine.state().tokenizer == "estimate times 1.5"  # it was too long by our own counting


def test_a_key_goes_along_and_basic_is_for_a_name_with_a_password():
    for key, header in (("sk-1", "Bearer sk-1"), ("me:word", "Basic bWU6d29yZA=="), ("", None)):
        with engine_of({**OPENAI_LIKE, CHAT: said("hi")}, key=key) as (engine, table):
            told(engine.answer(HELLO, Options()))
            assert {headers.get("authorization") for _, headers, _ in table.asked} == {header}
            assert {headers["accept-encoding"] for _, headers, _ in table.asked} == {"identity"}


def test_connections_are_used_again():
    with engine_of({**OPENAI_LIKE, CHAT: said("hi")}) as (engine, table):
        for _ in range(3):
            told(engine.answer(HELLO, Options()))
        assert len(table.clients) == 1


def test_nothing_is_asked_before_somebody_needs_it():
    with engine_of(OPENAI_LIKE) as (engine, table):
        time.sleep(0.05)
        assert not table.asked
        began = time.monotonic()
        assert engine.state().status == "loading"
        assert time.monotonic() - began < 3
        with pytest.raises(Unavailable):
            RemoteEngine("http://127.0.0.1:9").count(["a"])
