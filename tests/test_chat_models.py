"""Turns and models: chosen by name, loaded while the question is already stored, gone, counted each in its own way."""

import threading
import time

import pytest

from webbot.chat import Chat
from webbot.engines.base import EngineState
from webbot.engines.echo import EchoEngine
from webbot.errors import NotFound, Unavailable
from webbot.messages import Cancelled, Failed, Finished, Preparing
from webbot.news import Heard
from webbot.store.sql import SqlStore


class LoadingEcho(EchoEngine):
    """The echo engine, which sleeps until it is woken and is ready when `loaded` is set."""

    def __init__(self, **given):
        super().__init__(**given)
        self.loaded, self.woken, self.failed = threading.Event(), 0, ""

    def wake(self):
        self.woken += 1

    def state(self):
        if self.failed:
            return EngineState(name="echo", status="failed", sentence=self.failed)
        if not self.loaded.is_set():
            return EngineState(name="echo", status="loading" if self.woken else "sleeping", progress=0.4, sentence="Reading it.")
        return super().state()


class Words(EchoEngine):
    """Counts twice as many tokens as there are words."""

    def state(self):
        return EngineState(name="words", status="ready", context=self.context, opening=0, frame=1, tokenizer="words",
                           abilities=super().state().abilities)

    def count(self, texts):
        return [2 * len(text.split()) for text in texts]


class Both:
    """Two engines by name."""

    def __init__(self, **engines):
        self.engines = engines

    def engine(self, name=""):
        try:
            return self.engines[name or "echo"]
        except KeyError:
            raise NotFound("There is no such model.") from None


@pytest.fixture
def store(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path / 'webbot.db'}")
    yield store
    store.close()


@pytest.fixture
def make(store):
    chats = []

    def make(**engines):
        chats.append(Chat(Both(**engines), store))
        return chats[-1]

    yield make
    for chat in chats:
        chat.close()


def events(chat, reply, seconds=5):
    """What the conversation's channel tells of the reply from now on."""
    told, until = [], time.monotonic() + seconds
    with chat.channels.listen(reply.conversation) as (listener, _):
        while time.monotonic() < until:
            item = listener.next(0.1)
            if isinstance(item, Heard):
                told.append(item.event)
            if reply.ended:
                break
    return told


def test_a_question_is_stored_while_the_model_loads(make, store):
    engine = LoadingEcho()
    chat = make(echo=engine)
    talk = chat.create("ann", "Be brief.")
    reply = chat.ask("ann", talk.id, "hello there")
    assert engine.woken
    assert [message.text for message in store.messages("ann", talk.id)] == ["hello there", ""]
    latest = time.monotonic() + 5
    while reply.preparing is None and time.monotonic() < latest:
        time.sleep(0.02)
    assert reply.preparing == Preparing("echo", 0.4, "Reading it.")
    threading.Timer(0.2, engine.loaded.set).start()
    assert isinstance(events(chat, reply)[-1], Finished)
    assert reply.preparing is None
    question, answer = store.messages("ann", talk.id)
    assert (answer.text, answer.status) == ("hello there", "complete")
    assert (question.tokens, question.counted_by) == (2, "echo")
    assert store.conversation("ann", talk.id).title == "hello there"


def test_a_tab_is_told_how_far_it_is(make):
    engine = LoadingEcho()
    chat = make(echo=engine)
    talk = chat.create("ann", "")
    with chat.channels.listen(talk.id) as (listener, _):
        chat.ask("ann", talk.id, "hello")
        until = time.monotonic() + 3
        told = []
        while time.monotonic() < until and not any(isinstance(event, Preparing) for event in told):
            item = listener.next(0.5)
            told += [item.event] if isinstance(item, Heard) else []
        engine.loaded.set()
    assert Preparing("echo", 0.4, "Reading it.") in told


def test_a_model_that_cannot_be_loaded_fails_the_answer_and_loses_nothing(make, store):
    engine = LoadingEcho()
    chat = make(echo=engine)
    talk = chat.create("ann", "")
    reply = chat.ask("ann", talk.id, "hello")
    engine.failed = "The file is damaged."
    assert reply.wait(5) and isinstance(reply.last, Failed) and reply.last.sentence == "The file is damaged."
    question, answer = store.messages("ann", talk.id)
    assert (question.text, answer.status, answer.error) == ("hello", "failed", "The file is damaged.")
    with pytest.raises(Unavailable, match="damaged"):
        chat.ask("ann", talk.id, "again")
    assert len(store.messages("ann", talk.id)) == 2, "what is known to fail is not stored"


def test_a_question_that_turns_out_too_long_says_so(make, store):
    engine = LoadingEcho(context=256)
    chat = make(echo=engine)
    talk = chat.create("ann", "")
    reply = chat.ask("ann", talk.id, "word " * 400)
    engine.loaded.set()
    assert reply.wait(5) and isinstance(reply.last, Failed) and reply.last.status == 413
    assert store.messages("ann", talk.id)[0].text.startswith("word")


def test_stop_works_while_the_model_loads(make, store):
    chat = make(echo=LoadingEcho())
    talk = chat.create("ann", "")
    reply = chat.ask("ann", talk.id, "hello")
    assert chat.stop("ann", talk.id)
    assert isinstance(reply.last, Cancelled)
    assert [message.status for message in store.messages("ann", talk.id)] == ["complete", "stopped"]


def test_each_conversation_has_its_model(make, store):
    chat = make(echo=EchoEngine(), words=Words())
    plain, other = chat.create("ann", ""), chat.create("ann", "", "words")
    for talk in (plain, other):
        assert chat.ask("ann", talk.id, "one two three").wait(5)
    assert [store.messages("ann", talk.id)[0].tokens for talk in (plain, other)] == [3, 6]
    chat.change("ann", plain.id, model="words")
    assert chat.ask("ann", plain.id, "four").wait(5)
    assert [(message.tokens, message.counted_by) for message in store.messages("ann", plain.id)][:1] == [(6, "words")]
    assert store.conversation("ann", plain.id).model == "words"


def test_one_turn_may_be_answered_by_another_model(make, store):
    chat = make(echo=EchoEngine(), words=Words())
    talk = chat.create("ann", "")
    assert chat.ask("ann", talk.id, "one two", model="words").wait(5)
    assert store.messages("ann", talk.id)[0].tokens == 4
    assert store.conversation("ann", talk.id).model == ""


def test_a_model_that_is_gone_is_said_and_nothing_is_stored(make, store):
    chat = make(echo=EchoEngine())
    with pytest.raises(NotFound):
        chat.create("ann", "", "words")
    talk = store.create_conversation("ann", model="words")
    for call in (lambda: chat.ask("ann", talk.id, "hello"), lambda: chat.change("ann", talk.id, model="other")):
        with pytest.raises(NotFound):
            call()
    assert not store.messages("ann", talk.id)
    chat.change("ann", talk.id, model="")
    assert chat.ask("ann", talk.id, "hello").wait(5)
