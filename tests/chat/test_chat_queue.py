"""Turns in the line for the model: where they stand is told and kept, what finds no room stores nothing, allowances are asked."""

import threading
from contextlib import contextmanager

import pytest

from tests.chat.conftest import Heard, WatchedEcho, shown
from tests.engines.conftest import messages, until
from webbot.chat.allowance import Unlimited
from webbot.engines.base import EngineState
from webbot.engines.fair import FairEngine
from webbot.errors import TooLong, TooMany, Unavailable
from webbot.messages import Cancelled, Delta, Finished, Message, Options, Queued
from webbot.metrics import REGISTRY
from webbot.reply import follow


class Held(WatchedEcho):
    """Answers once it is let go; notes the options."""

    def __init__(self, **given):
        super().__init__(**given)
        self.free, self.options = threading.Event(), []

    def answer(self, messages, options, *, owner=""):
        self.options.append(options)
        while not self.free.wait(0.01):
            yield Delta("")
        yield from super().answer(messages, options, owner=owner)


class Book:
    """An allowance of so many turns; notes what was used."""

    def __init__(self, turns=100):
        self.turns, self.asked, self.spent, self.broken = turns, [], [], False

    def ask(self, owner):
        if len(self.asked) >= self.turns:
            raise TooMany("Enough for now.", retry_after=7)
        self.asked.append(owner)

    def used(self, owner, tokens):
        if self.broken:
            raise Unavailable("The store is away.")
        self.spent.append((owner, tokens))


@pytest.fixture
def held():
    return Held()


@pytest.fixture
def make_line(make, held):
    """A chat over a line with room for one, where so many of one owner may wait."""
    def made(queue_owner=2, allowance=None, **given):
        chat = make(FairEngine(held, 1, 64, queue_owner), **given)
        chat.allowance = chat.programs.allowance = allowance or Unlimited()
        return chat

    yield made
    held.free.set()


@contextmanager
def waiting(chat, owner="ann"):
    """A turn that waits, behind one of somebody else."""
    first = chat.ask("bob", chat.create("bob", "").id, "a question before")
    until(lambda: chat.engines.state().working == 1, 5)
    talk = chat.create(owner, "")
    heard = Heard(chat, owner, talk.id)
    reply = chat.ask(owner, talk.id, "hello there")
    until(lambda: reply.queued, 5)
    yield talk, reply, heard
    first.stop()


def test_where_a_turn_stands_is_told_and_kept_for_late_tabs(make_line, held, store):
    chat = make_line()
    with waiting(chat) as (talk, reply, heard):
        assert reply.queued == Queued(1, 5.0) == chat.running("ann", talk.id).queued
        assert shown(store, talk.id) == ["hello there", ""]
        held.free.set()
        assert reply.wait(5) and reply.queued is None
        events = [news.event for news in heard.both if hasattr(news, "event")]
        assert [type(event).__name__ for event in events] == ["Started", "Queued", "Queued", "Delta", "Delta", "Finished"]
        assert events[2].position == 0
        assert shown(store, talk.id) == ["hello there", "hello there"]
        told = [event for event in follow(reply) if isinstance(event, Queued)]
        assert told == [Queued(1, 5.0), Queued(0, 0.0)], "whoever began it may show it"


def test_stop_leaves_the_line(make_line, held, store):
    chat = make_line()
    with waiting(chat) as (talk, reply, _):
        assert chat.stop("ann", talk.id)
        assert isinstance(reply.last, Cancelled) and chat.engines.state().waiting == 0
        assert store.messages("ann", talk.id)[-1].status == "stopped"


def test_a_question_without_room_stores_nothing(make_line, store):
    chat = make_line(queue_owner=1, titles=False)
    before = REGISTRY.get_sample_value("webbot_refused_total", {"why": "queue"}) or 0
    with waiting(chat):
        other = chat.create("ann", "")
        for ask in (lambda: chat.ask("ann", other.id, "one more"),
                    lambda: next(chat.programs.answers("ann", messages("one more"), Options()))):
            with pytest.raises(TooMany) as full:
                ask()
            assert (full.value.code, full.value.status) == ("queue_full", 429) and full.value.retry_after >= 1
        assert shown(store, other.id) == [] and chat.running("ann", other.id) is None
        assert REGISTRY.get_sample_value("webbot_refused_total", {"why": "queue"}) == before + 2


def test_many_at_once_are_admitted_up_to_the_bounds_and_the_rest_store_nothing(make_line, held, store):
    chat = make_line(queue_owner=2)
    talks = [chat.create("many", "") for _ in range(12)]
    refused, replies, start = [], [], threading.Barrier(12)

    def ask(talk):
        start.wait(5)
        try:
            replies.append(chat.ask("many", talk.id, "hello"))
        except TooMany:
            refused.append(talk.id)

    threads = [threading.Thread(target=ask, args=(talk,)) for talk in talks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    held.free.set()
    assert len(replies) == 3 and len(refused) == 9
    assert all(reply.wait(10) and isinstance(reply.last, Finished) for reply in replies)
    assert not any(shown(store, key, "many") for key in refused)


def test_what_is_refused_for_another_reason_keeps_no_place(make_line, held, store):
    chat = make_line(queue_owner=1, allowance=Book(0))
    held.free.set()
    talk = chat.create("ann", "")
    for _ in range(9):
        with pytest.raises(TooLong):
            chat.ask("ann", talk.id, "word " * 9000)
        with pytest.raises(TooMany, match="Enough"):
            chat.ask("ann", talk.id, "hello")
    chat.allowance = Unlimited()
    assert chat.ask("ann", talk.id, "hello").wait(5)
    assert not chat.engines.line._kept


def test_who_leaves_while_the_model_loads_keeps_no_place(make_line, held):
    chat = make_line(queue_owner=1)
    held.state = lambda: EngineState(name="echo", status="loading")
    for _ in range(9):
        talk = chat.create("ann", "")
        chat.ask("ann", talk.id, "hello")
        assert len(chat.engines.line._kept) == 1
        assert chat.stop("ann", talk.id)
    assert not chat.engines.line._kept


def test_a_spoken_question_says_so_to_the_model(make_line, held, store):
    chat = make_line()
    held.free.set()
    talk = chat.create("ann", "")
    for spoken in (None, {"language": "en", "seconds": 1.2}):
        assert chat.ask("ann", talk.id, "hello", spoken=spoken).wait(5)
    assert [options.spoken for options in held.options] == [False, True]


def test_programs_see_signs_of_life_while_they_wait(make_line, held):
    chat = make_line()
    with waiting(chat):
        parts = chat.programs.answers("cid", messages("hello"), Options())
        assert [next(parts) for _ in range(3)] == [(0, Delta(""))] * 3
        held.free.set()
        found = [part for _, part in parts]
        assert "".join(part.text for part in found if isinstance(part, Delta)) == "hello"
        assert not any(isinstance(part, Queued) for part in found)


def test_the_wait_is_measured(make_line, held):
    def seen():
        return REGISTRY.get_sample_value("webbot_queue_wait_seconds_count")

    chat, before = make_line(), seen()
    with waiting(chat) as (_, reply, _):
        assert seen() == before + 1, "the first did not wait"
        held.free.set()
        assert reply.wait(5) and seen() == before + 2


class TestAllowance:
    def test_what_an_answer_took_is_told_once(self, make_line, held):
        book = Book()
        chat = make_line(allowance=book)
        held.free.set()
        talk = chat.create("ann", "Be brief.")
        reply = chat.ask("ann", talk.id, "one two three")
        assert reply.wait(5)
        usage = reply.last.usage
        assert (book.asked, book.spent) == (["ann"], [("ann", usage.prompt_tokens + 3)]) and usage.prompt_tokens > 5

    def test_one_that_is_used_up_stores_nothing(self, make_line, held, store):
        before = REGISTRY.get_sample_value("webbot_refused_total", {"why": "allowance"}) or 0
        chat = make_line(allowance=Book(0))
        talk = chat.create("ann", "")
        for ask in (lambda: chat.ask("ann", talk.id, "hello"),
                    lambda: next(chat.programs.answers("ann", messages("hello"), Options())),
                    lambda: next(chat.programs.texts("ann", ["hello"], Options()))):
            with pytest.raises(TooMany, match="Enough") as enough:
                ask()
            assert enough.value.retry_after == 7
        assert shown(store, talk.id) == [] and held.sent == []
        assert REGISTRY.get_sample_value("webbot_refused_total", {"why": "allowance"}) == before + 3

    def test_what_finds_no_room_is_not_counted(self, make_line):
        book = Book()
        chat = make_line(queue_owner=1, allowance=book)
        with waiting(chat):
            for ask in (lambda: chat.ask("ann", chat.create("ann", "").id, "hello"),
                        lambda: next(chat.programs.answers("ann", messages("hello"), Options()))):
                with pytest.raises(TooMany):
                    ask()
            assert book.asked == ["bob", "ann"]

    def test_what_was_stopped_is_counted_as_far_as_it_came(self, make_line, held):
        book = Book()
        chat = make_line(allowance=book)
        held.pause = 0.01
        held.free.set()
        talk = chat.create("ann", "")
        reply = chat.ask("ann", talk.id, "word " * 200)
        until(lambda: reply.text.count("word") > 3, 5)
        assert chat.stop("ann", talk.id)
        (owner, tokens), written = book.spent[0], reply.text.count("word")
        assert owner == "ann" and len(book.spent) == 1 and 200 + written <= tokens <= 210 + written
        parts = chat.programs.answers("bob", [Message(role="user", text="word " * 100)], Options())
        while not next(parts)[1].text:
            pass
        parts.close()
        assert book.spent[1][0] == "bob" and 100 < book.spent[1][1] < 120

    def test_one_that_only_waited_took_nothing(self, make_line):
        book = Book()
        chat = make_line(allowance=book)
        with waiting(chat) as (talk, _, _):
            assert chat.stop("ann", talk.id)
        until(lambda: chat.engines.busy() == 0, 5)
        assert book.spent == []

    def test_a_book_that_cannot_be_written_loses_no_answer(self, make_line, held, store):
        book = Book()
        book.broken = True
        chat = make_line(allowance=book)
        held.free.set()
        talk = chat.create("ann", "")
        assert chat.ask("ann", talk.id, "hello").wait(5) and shown(store, talk.id) == ["hello", "hello"]
