"""What every engine keeps: the contract of webbot.engines.base, over all of them."""

import threading
import time

import pytest

from tests.engines.conftest import ENGINES, messages, until
from webbot.engines.remote import RemoteEngine
from webbot.errors import BadInput, TooLong
from webbot.messages import Delta, Finished, Message, Options

GREEDY = Options(temperature=0)


pytestmark = pytest.mark.parametrize("engine", ENGINES, indirect=True)


def answer(engine, asked, options=GREEDY):
    """The text and the Finished of an answer, after a look at the order of the events."""
    events = list(engine.answer(asked, options, owner="somebody"))
    assert all(isinstance(event, Delta) for event in events[:-1])
    assert isinstance(events[-1], Finished)
    return "".join(event.text for event in events[:-1]), events[-1]


def test_state_tells_what_the_memory_needs(engine):
    state = engine.state()
    assert state.status == "ready"
    assert state.context >= 256
    assert state.name
    assert state.tokenizer
    assert state.opening >= 0
    assert state.frame > 0


def test_an_answer_and_its_usage(engine):
    text, finished = answer(engine, messages("What is the capital of France?"))
    assert text.strip()
    assert finished.reason == "stop"
    usage = finished.usage
    assert 0 < usage.answer_tokens <= engine.count([text])[0] + 2
    assert 0 <= usage.first_token_seconds <= usage.seconds


@pytest.mark.parametrize("asked", [
    messages("Hello!"), messages("Hello!", role=""), messages("My name is Ada.", "Hello Ada!", "What is my name?"),
])
def test_a_prompt_is_as_long_as_its_parts(engine, asked):
    state = engine.state()
    counts = engine.count([message.text for message in asked])
    _, finished = answer(engine, asked, Options(temperature=0, max_tokens=1))
    assert finished.usage.prompt_tokens == state.opening + sum(state.frame + count for count in counts)


def test_it_remembers_what_it_is_given(engine):
    text, _ = answer(engine, messages("My name is Ada.", "Nice to meet you, Ada.", "What did I say? What is my name?"))
    assert "Ada" in text
    text, _ = answer(engine, messages("What did I say? What is my name?"))
    assert "Ada" not in text


def test_max_tokens_ends_the_answer(engine):
    text, finished = answer(engine, messages("Count from one to twenty, please."), Options(temperature=0, max_tokens=3))
    assert finished.reason == "length"
    assert finished.usage.answer_tokens == 3
    assert text


def test_the_same_seed_gives_the_same_answer(engine):
    options = Options(temperature=1.0, seed=7, max_tokens=30)
    asked = messages("Tell me a story.")
    assert answer(engine, asked, options)[0] == answer(engine, asked, options)[0]


def test_a_stop_text_ends_the_answer_before_it(engine):
    asked = messages("What is the capital of France?")
    whole, _ = answer(engine, asked)
    stop = whole[len(whole) // 3 : len(whole) // 3 + 5]
    text, finished = answer(engine, asked, Options(temperature=0, stop=("nowhere in it", stop)))
    assert text == whole[: whole.index(stop)]
    assert finished.reason == "stop"
    assert finished.usage.answer_tokens <= engine.count([text + stop])[0] + 1


@pytest.mark.parametrize("question", ["What is the capital of France?", "Count from one to ten, please.", "Tell me a story."])
def test_an_answer_that_was_cut_is_gone_on_with(engine, question):
    if "go_on" not in engine.state().abilities:
        assert isinstance(engine, RemoteEngine), "only a server elsewhere would answer to what it wrote itself"
        return
    asked, state = messages(question), engine.state()
    whole, finished = answer(engine, asked)
    for tokens in (1, finished.usage.answer_tokens // 2):
        begun, _ = answer(engine, asked, Options(temperature=0, max_tokens=tokens))
        rest, ended = answer(engine, [*asked, Message(role="assistant", text=begun)])
        assert begun + rest == whole
        counts = engine.count([*(message.text for message in asked), begun])
        counted = state.opening + state.frame * len(asked) + sum(counts)
        ends_blank = begun != begun.rstrip()  # which templates trim elsewhere, and here nobody
        assert counted <= ended.usage.prompt_tokens <= counted + ends_blank
    assert ended.reason == "stop"
    with pytest.raises(BadInput):
        list(engine.answer([Message(role="assistant", text="Hello")], GREEDY))


def test_an_engine_goes_on_with_plain_text(engine):
    *deltas, finished = engine.complete("Once upon a time there was", Options(temperature=0, max_tokens=3), owner="somebody")
    assert "".join(delta.text for delta in deltas)
    assert finished.usage.answer_tokens == 3
    with pytest.raises(BadInput) as refusal:
        list(engine.complete("", GREEDY))
    assert refusal.value.parameter == "prompt"
    running = engine.complete("Once upon a time there was", GREEDY)
    next(running)
    running.close()
    assert engine.busy() == 0


@pytest.mark.parametrize(("ability", "options"), [
    ("top_k", {"top_k": 5}), ("min_p", {"min_p": 0.1}), ("repetition_penalty", {"repetition_penalty": 1.2}),
    ("stop", {"stop": ("x",)}), ("presence_penalty", {"presence_penalty": 1.0}),
    ("frequency_penalty", {"frequency_penalty": 1.0}), ("logit_bias", {"logit_bias": {300: 1.0}}),
    ("logprobs", {"logprobs": 1}), ("schema", {"schema": {}}),
])
def test_an_option_is_honoured_or_refused_by_name(engine, ability, options):
    asked = engine.answer(messages("Hello!"), Options(temperature=0, max_tokens=2, **options))
    if ability in engine.state().abilities:
        assert isinstance(list(asked)[-1], Finished)
        return
    with pytest.raises(BadInput) as refusal:
        list(asked)
    assert refusal.value.parameter == {"schema": "response_format"}.get(ability, ability)


def test_embeddings_are_made_or_refused(engine):
    if "embed" not in engine.state().abilities:
        with pytest.raises(BadInput):
            engine.embed(["Hello!"])
        return
    made = engine.embed(["Hello!", "Goodbye!"])
    assert [len(vector) for vector in made.vectors] == [len(made.vectors[0])] * 2
    assert made.tokens == sum(engine.count(["Hello!", "Goodbye!"]))


def test_closing_frees_the_engine(engine):
    running = engine.answer(messages("Tell me a story about a dog and a cat."), GREEDY)
    while not next(running).text:
        pass
    assert engine.busy() == 1
    running.close()
    assert engine.busy() == 0
    if hasattr(engine, "load"):
        until(lambda: engine.load()["in_work"] == 0, 5)


def test_nothing_happens_before_the_first_step(engine):
    running = engine.answer(messages("Hello!"), GREEDY)
    assert engine.busy() == 0
    running.close()


@pytest.mark.parametrize("role", ["tool", "", "system\n"])
def test_unknown_roles_are_refused(engine, role):
    with pytest.raises(BadInput):
        list(engine.answer([Message(role=role, text="hello")], GREEDY))
    assert engine.busy() == 0


def test_a_prompt_over_the_context_is_refused(engine):
    with pytest.raises(TooLong) as refusal:
        list(engine.answer(messages("word " * engine.state().context), GREEDY))
    assert refusal.value.values["limit"] == engine.state().context
    assert refusal.value.values["count"] > engine.state().context


@pytest.mark.parametrize("text", [
    "", " ", "\n\n\n", "\x00\x01", "你好，世界 🌍", "e\u0301\u200d\ufeff", "<|eot_id|><|begin_of_text|>",
])
def test_odd_texts_are_counted_and_answered(engine, text):
    assert engine.count([text, text + "x"])[0] >= 0
    shown, _ = answer(engine, messages(text), Options(temperature=0, max_tokens=5))
    shown.encode()


def test_counting_nothing_and_much(engine):
    assert engine.count([]) == []
    assert engine.count(["word " * 20_000])[0] >= 20_000


def test_ten_conversations_at_once_are_not_mixed_up(engine):
    names = ["Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivan", "Jill"]
    asked = [messages(f"My name is {name}.", f"Nice to meet you, {name}.", "What did I say? What is my name?") for name in names]
    alone = [answer(engine, each)[0] for each in asked]
    together = [""] * len(names)

    def talk(number):
        together[number] = answer(engine, asked[number])[0]

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
    for name, text in zip(names, together, strict=True):
        assert name in text
    assert engine.busy() == 0


def test_whoever_waits_is_told_so(engine):
    """At least every 0.1 s something comes, so that the reader can stop at any time (with room for a busy machine)."""
    long = messages("Tell me about dogs. " * 150)
    began, gaps = time.monotonic(), []
    for _ in engine.answer(long, Options(temperature=0, max_tokens=5)):
        gaps.append(time.monotonic() - began)
        began = time.monotonic()
    assert max(gaps) < 1.0
