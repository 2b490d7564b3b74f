"""The turn, over a real database and the echo engine: stored first, streamed, stopped, remembered, forgotten."""

import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webbot.chat import Chat, Limits, title_of
from webbot.engines.echo import EchoEngine
from webbot.errors import BadInput, Conflict, NotFound, TooLong, Unavailable
from webbot.messages import Cancelled, Delta, Failed, Finished, Message, Options
from webbot.reply import follow
from webbot.store.sql import SqlStore


class WatchedEcho(EchoEngine):
    """The echo engine, which notes what it was sent."""

    def __init__(self, **given):
        super().__init__(**given)
        self.sent = []

    def answer(self, messages, options, *, owner=""):
        self.sent.append([message.text for message in messages])
        yield from super().answer(messages, options, owner=owner)


class LostEcho(EchoEngine):
    """The echo engine on a machine where the model dies after three words."""

    def answer(self, messages, options, *, owner=""):
        for number, event in enumerate(super().answer(messages, options, owner=owner)):
            if number == 3:
                raise Unavailable("The model was lost in mid-answer and is being started again.")
            yield event


@pytest.fixture
def store(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path / 'webbot.db'}")
    yield store
    store.close()


@pytest.fixture
def make(store):
    chats = []

    def make(engine=None, **limits):
        chats.append(Chat(engine or WatchedEcho(), store, limits=Limits(**limits)))
        return chats[-1]

    yield make
    for chat in chats:
        chat.close()


def said(chat, reply):
    events = [event for event in follow(reply) if event is not None]
    return "".join(event.text for event in events if isinstance(event, Delta)), events[-1]


def ask(chat, key, text, owner="ann"):
    reply = chat.ask(owner, key, text)
    assert reply.wait(10)
    return reply


def test_a_turn_streams_and_is_stored(make, store):
    chat = make()
    key = chat.create("ann", "Be brief.").id
    reply = chat.ask("ann", key, "hello  there, world")
    text, last = said(chat, reply)
    assert text == "hello  there, world"
    assert isinstance(last, Finished)
    question, answer = store.messages("ann", key)
    assert (question.text, question.tokens, answer.text, answer.status) == (text, 3, text, "complete")
    assert answer.usage.answer_tokens == 3
    assert store.conversation("ann", key).title == "hello there, world"
    assert chat.engines.sent == [["Be brief.", "hello  there, world"]]


def test_the_question_is_committed_before_the_model_starts(make, store):
    chat = make(WatchedEcho(pause=0.2))
    key = chat.create("ann", "").id
    chat.ask("ann", key, "one two three")
    assert [(m.role, m.status) for m in store.messages("ann", key)] == [("user", "complete"), ("assistant", "streaming")]


def test_stop_frees_the_model_and_keeps_what_was_written(make, store):
    chat = make(WatchedEcho(pause=0.02))
    key = chat.create("ann", "").id
    reply = chat.ask("ann", key, "word " * 500)
    while not reply.text:
        time.sleep(0.005)
    began = time.monotonic()
    assert chat.stop("ann", key)
    assert time.monotonic() - began < 8  # the answer would take ten seconds
    assert chat.engines.busy() == 0
    answer = store.messages("ann", key)[1]
    assert answer.status == "stopped"
    assert answer.text.startswith("word")
    assert isinstance(said(chat, reply)[1], Cancelled)


def test_one_answer_at_a_time(make):
    chat = make(WatchedEcho(pause=0.05))
    key = chat.create("ann", "").id
    chat.ask("ann", key, "a b c d e f g")
    with pytest.raises(Conflict):
        chat.ask("ann", key, "again")


def test_of_many_questions_at_once_one_is_asked(make, store):
    chat = make(WatchedEcho(pause=0.05))
    key = chat.create("ann", "").id
    ends = []

    def ask_now():
        try:
            chat.ask("ann", key, "a b c d e f")
            ends.append("asked")
        except Conflict:
            ends.append("refused")

    askers = [threading.Thread(target=ask_now) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(10)
    assert sorted(ends) == ["asked"] + ["refused"] * 7
    assert len(store.messages("ann", key)) == 2


def test_an_answer_whose_end_was_not_stored_blocks_nobody(make, store):
    chat = make()
    key = chat.create("ann", "").id
    store.begin_turn("ann", key, Message(role="user", text="lost"))
    ask(chat, key, "next")
    assert [m.status for m in store.messages("ann", key) if m.role == "assistant"] == ["failed", "complete"]


def test_a_lost_model_keeps_the_partial_answer_and_says_so(make, store):
    chat = make(LostEcho())
    key = chat.create("ann", "").id
    reply = ask(chat, key, "one two three four five")
    assert isinstance(reply.last, Failed)
    answer = store.messages("ann", key)[1]
    assert (answer.text, answer.status) == ("one two three", "failed")
    assert "lost" in answer.error


def test_nobody_else_reaches_a_conversation(make):
    chat = make()
    key = chat.create("ann", "").id
    for call in (lambda: chat.ask("bob", key, "hi"), lambda: chat.again("bob", key), lambda: chat.edit("bob", key, "x", "y"),
                 lambda: chat.window("bob", key), lambda: chat.clear("bob", key), lambda: chat.delete("bob", key),
                 lambda: chat.change("bob", key, title="mine"), lambda: chat.go_on("bob", key),
                 lambda: chat.show("bob", key, "x"), lambda: chat.pin("bob", key, "x", True), lambda: chat.share("bob", key),
                 lambda: chat.judge("bob", key, "x", "up"), lambda: chat.attach("bob", key, "a.txt", b"a"),
                 lambda: chat.detach("bob", key, "x"), lambda: chat.restore("bob", key)):
        with pytest.raises(NotFound):
            call()
    ask(chat, key, "hi")
    assert chat.running("bob", key) is None


@pytest.mark.parametrize(("text", "error"), [("", BadInput), (" \n ", BadInput), ("x" * 70_000, TooLong), ("w " * 9000, TooLong)])
def test_what_cannot_be_asked_stores_nothing(make, store, text, error):
    chat = make()
    key = chat.create("ann", "").id
    with pytest.raises(error):
        chat.ask("ann", key, text)
    assert not store.messages("ann", key)
    ask(chat, key, "the next one works")


def test_a_late_reader_gets_the_whole_answer_once(make):
    chat = make(WatchedEcho(pause=0.01))
    key = chat.create("ann", "").id
    words = " ".join(str(number) for number in range(100))
    reply = chat.ask("ann", key, words)
    heard = []
    readers = []
    for _ in range(5):
        reader = threading.Thread(target=lambda: heard.append(said(chat, reply)[0]))
        reader.start()
        readers.append(reader)
        time.sleep(0.15)
    for reader in readers:
        reader.join(10)
    assert heard == [words] * 5


def test_an_answer_without_listeners_ends_after_the_grace(make, store):
    chat = make(WatchedEcho(pause=0.02), grace=0.3)
    key = chat.create("ann", "").id
    reply = chat.ask("ann", key, "word " * 1000)
    assert reply.wait(5)
    assert store.messages("ann", key)[1].status == "stopped"


def test_deleting_a_conversation_ends_its_answer(make):
    chat = make(WatchedEcho(pause=0.02))
    key = chat.create("ann", "").id
    reply = chat.ask("ann", key, "word " * 1000)
    chat.delete("ann", key)
    assert reply.ended
    assert chat.engines.busy() == 0


def test_closing_stores_what_was_written(make, store):
    chat = make(WatchedEcho(pause=0.02))
    keys = [chat.create("ann", "").id for _ in range(5)]
    for key in keys:
        chat.ask("ann", key, "word " * 1000)
    time.sleep(0.2)
    chat.close()
    assert {store.messages("ann", key)[1].status for key in keys} == {"stopped"}
    with pytest.raises(Unavailable):
        chat.ask("ann", keys[0], "more")


def test_a_role_stays_when_memories_leave(make):
    chat = make(WatchedEcho(context=256))
    key = chat.create("ann", "You are Socrates.").id
    for number in range(30):
        ask(chat, key, f"number {number} " + "word " * 10)
    sent = chat.engines.sent[-1]
    assert sent[0] == "You are Socrates."
    assert not any("number 0 " in text for text in sent)
    assert any("number 28 " in text for text in sent)


def test_options_reach_the_engine(make, store):
    chat = make()
    key = chat.create("ann", "").id
    reply = chat.ask("ann", key, "one two three four", options=Options(max_tokens=2))
    text, last = said(chat, reply)
    assert text == "one two"
    assert last.reason == "length"
    reply.wait(5)
    answer = store.messages("ann", key)[1]
    assert answer.status == "complete"
    assert "cut here" in answer.error, "an answer at its limit says so"


def test_titles():
    assert title_of("  two\nlines ") == "two lines"
    assert title_of("word " * 30) == "word " * 11 + "word …"
    assert len(title_of("x" * 500)) <= 63


STEP = st.one_of(
    st.tuples(st.just("ask"), st.integers(1, 60)),
    st.tuples(st.just("again"), st.just(0)),
    st.tuples(st.just("edit"), st.integers(1, 60)),
    st.tuples(st.just("role"), st.integers(0, 30)),
    st.tuples(st.just("clear"), st.just(0)),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(STEP, min_size=1, max_size=14))
def test_what_is_marked_as_seen_is_exactly_what_was_sent(make, store, steps):
    """The promise of the visible memory, over random conversations: marks, token counts and prompt agree."""
    chat = make(WatchedEcho(context=256))
    key = chat.create("ann", "").id
    count = 0
    for step, size in steps:
        marked = chat.window("ann", key)
        messages = {message.id: message for message in store.messages("ann", key)}
        role = store.conversation("ann", key).role
        if step == "role":
            chat.change("ann", key, role="role " * size)
            continue
        if step == "clear":
            chat.clear("ann", key)
            assert chat.window("ann", key).kept == ()
            continue
        if step != "ask" and not messages:
            continue
        count += 1
        text = f"turn{count} " + "word " * size
        if step == "ask":
            reply = chat.ask("ann", key, text)
        elif step == "again":
            reply = chat.again("ann", key)
        else:
            reply = chat.edit("ann", key, [m.id for m in messages.values() if m.role == "user"][-1], text)
        reply.wait(5)
        sent = chat.engines.sent[-1]
        window = reply.window
        expected = ([role] if role else []) + [messages[key].text for key in window.kept] + [reply.question.text]
        assert sent == expected
        if step == "ask" and window.question <= 64 - 8:
            assert window.kept == marked.kept, "what the page marked before the question is what the model got"
        frames = chat.engines.state()
        tokens = frames.opening + sum(frames.frame + n for n in chat.engines.count(sent))
        assert tokens == window.role + window.memory + window.question
        assert tokens + window.reserve == window.context
