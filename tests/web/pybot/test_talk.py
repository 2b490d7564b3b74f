"""What is said over a socket, without one: frames in and frames out, over the real chat with the echo engine."""

import json
import threading

import pytest

from tests.chat.test_chat_titles import Namer
from tests.live.conftest import until
from webbot.channel import MOST_UNREAD, Lagging
from webbot.chat import Chat
from webbot.errors import NotFound
from webbot.messages import Delta, Preparing
from webbot.news import Heard
from webbot.web.leaving import Left
from webbot.web.pybot import talk
from webbot.web.pybot.talk import SocketTalk
from webbot.web.pybot.titles import Titles

LONG = " ".join(f"word{number}" for number in range(200))


@pytest.fixture
def services(make_app):
    return make_app(parallel=1).extensions["services"]


class Spoken:
    """A talk of Ann's; `frames` are all that it said."""

    def __init__(self, services, owner="ann"):
        self.services, self.owner, self.frames, self.woken = services, owner, [], threading.Event()
        self.talk = SocketTalk(services, Titles(services, 5), owner, "me", lambda text: self.frames.append(json.loads(text)),
                               self.woken.set)
        self.talk.begin()

    def create(self):
        return self.services.chat.create(self.owner, "").id

    def ask(self, id, content, **more):
        self.talk.hear(json.dumps({"conversation": id, "content": content, **more}))

    def read(self):
        while (text := self.talk.next()) is not None:
            self.frames.append(json.loads(text))

    def until(self, condition):
        def found():
            self.read()
            return next((frame for frame in self.frames if condition(frame)), None)

        return until(found)

    def types(self, id):
        return [frame["type"] for frame in self.frames if frame.get("conversation") == id]


@pytest.fixture
def ann(services):
    spoken = Spoken(services)
    yield spoken
    spoken.talk.close()


def is_end_of(id):
    return lambda frame: frame["type"] == "stream/end" and frame["conversation"] == id


def test_an_answer_that_waits_says_where_it_stands(ann):
    first, second = ann.create(), ann.create()
    ann.ask(first, LONG)
    ann.until(lambda frame: frame["type"] == "stream/text")
    ann.ask(second, "short")
    waits = ann.until(lambda frame: frame["type"] == "info")
    assert waits["conversation"] == second and waits["content"]["type"] == "queued"
    assert waits["content"]["payload"]["position"] == 1 and waits["content"]["payload"]["seconds"] >= 0

    late = Spoken(ann.services)
    late.read()
    assert "info" in late.types(second), "whoever comes later hears it, too"
    late.talk.close()
    ann.talk.hear(json.dumps({"type": "cancel", "conversation": first}))
    ann.until(is_end_of(second))


def test_an_answer_whose_model_is_loaded_says_how_far_it_is(ann):
    id = ann.create()
    ann.ask(id, LONG)
    start = ann.until(lambda frame: frame["type"] == "stream/start")
    ann.services.chat.channels.post(id, Heard(start["id"], Preparing("llama", 0.5, "It is loaded.")))
    told = ann.until(lambda frame: frame["type"] == "info")
    assert told["content"] == {"type": "preparing", "payload": {"name": "llama", "progress": 0.5, "sentence": "It is loaded."}}


def test_pieces_that_wait_are_joined(ann):
    id = ann.create()
    ann.ask(id, "one two three four")
    until(lambda: ann.services.chat.running("ann", id) is None)
    ann.read()
    assert ann.types(id) == ["stream/start", "stream/text", "stream/end"]
    assert ann.frames[1]["content"] == "one two three four"


def test_a_reader_that_is_far_behind_is_cut_off(ann):
    id = ann.create()
    ann.talk.hear(json.dumps({"type": "follow", "conversation": id}))
    for _ in range(MOST_UNREAD + 1):
        ann.services.chat.channels.post(id, Heard("no answer of it", Delta("x")))
    with pytest.raises(Lagging):
        for _ in range(3):
            ann.read()
            ann.talk._hears(id)


def test_whoever_asks_for_the_same_again_and_again_piles_nothing_up(ann):
    id = ann.create()
    ann.ask(id, LONG)
    ann.until(lambda frame: frame["type"] == "stream/text")
    for _ in range(50):
        ann.talk.hear(json.dumps({"type": "follow", "conversation": id}))
    assert len(ann.talk._frames) == 1
    ann.frames.clear()
    ann.read()
    assert ann.types(id)[0] == "stream/start" and ann.frames[0]["content"].startswith("word0")


def test_only_so_many_conversations_are_followed_and_running_ones_stay(ann, monkeypatch):
    monkeypatch.setattr(talk, "MOST_FOLLOWED", 3)
    runs = ann.create()
    ann.ask(runs, LONG)
    ann.until(lambda frame: frame["type"] == "stream/start")
    others = [ann.create() for _ in range(5)]
    for id in others:
        ann.talk.hear(json.dumps({"type": "follow", "conversation": id}))
    channels = ann.services.chat.channels
    assert [channels.count(id) for id in (runs, *others)] == [1, 0, 0, 0, 1, 1]
    ann.talk.close()
    assert channels.count(runs) == 0


def test_what_runs_for_somebody_else_is_not_told(ann):
    id = ann.create()
    ann.ask(id, LONG)
    ann.until(lambda frame: frame["type"] == "stream/text")
    bob = Spoken(ann.services, "bob")
    for type in ("follow", "cancel", "text"):
        bob.talk.hear(json.dumps({"type": type, "conversation": id, "content": "x"}))
    bob.read()
    assert [frame["additional_kwargs"]["status"] for frame in bob.frames] == [404] * 3
    assert ann.services.chat.running("ann", id) is not None
    bob.talk.close()


# titles by a model


@pytest.fixture
def named(services):
    """Services whose model gives these titles."""
    before = services.chat

    def make(*titles, **given):
        services.chat = Chat(Namer(*titles, **given), services.store, titles=True)
        services.chat.titling.pauses = (60.0,)  # what is asked for is not what comes by itself
        return services

    yield make
    services.chat.close()
    services.chat = before


def test_the_model_names_it_when_a_question_asks_for_that(named):
    ann = Spoken(named("A Piece of String"))
    id = ann.create()
    ann.ask(id, "How long is it?", additional_kwargs={"require_summarization": True})
    told = ann.until(lambda frame: frame["type"] == "info")
    assert told["content"] == {"type": "title-generated", "payload": "A Piece of String"}
    about = ann.services.store.conversation("ann", id)
    assert (about.title, about.titled_by) == ("A Piece of String", "model")
    ann.read()
    assert ann.types(id).count("info") == 1
    ann.talk.close()


def test_a_title_waits_until_the_model_has_nothing_else_to_do(named):
    services = named("Later")
    id = services.chat.create("ann", "").id
    services.chat.ask("ann", id, "What?").wait(10)
    found = []
    thread = threading.Thread(target=lambda: found.append(Titles(services, 30).name("ann", id, lambda: False)))
    engine = services.chat.engines
    engine.slot.acquire()  # the model is busy for as long as the test wants
    waits = services.chat.ask("ann", services.chat.create("ann", "").id, "And this?")
    until(engine.busy)
    thread.start()
    assert not engine.told and not found
    engine.slot.release()
    waits.wait(10)
    thread.join(20)
    assert found == ["Later"]


def test_without_an_idle_model_in_time_the_question_is_the_title(named):
    services = named("Never")
    id = services.chat.create("ann", "").id
    services.chat.ask("ann", id, "What is this?").wait(10)
    engine = services.chat.engines
    engine.slot.acquire()
    waits = services.chat.ask("ann", services.chat.create("ann", "").id, "And this?")
    until(engine.busy)
    assert Titles(services, 0.3).name("ann", id, lambda: False) == "What is this?"
    with pytest.raises(Left):
        Titles(services, 30).name("ann", id, lambda: True)
    engine.slot.release()
    waits.wait(10)
    with pytest.raises(NotFound):
        Titles(services, 1).name("bob", id, lambda: False)
