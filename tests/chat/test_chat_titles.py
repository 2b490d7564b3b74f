"""Titles by the model: in the background, one at a time, never in the way of an answer, never over a person's."""

import dataclasses
import threading
import time

import pytest

from tests.chat.conftest import Heard, WatchedEcho, ask
from tests.engines.conftest import until
from webbot.chat.titles import title_in
from webbot.chat.wishes import TITLE
from webbot.errors import TooMany, Unavailable
from webbot.messages import Delta, Finished, Message, Usage


class Namer(WatchedEcho):
    """An echo that is asked for titles, too. One answer at a time; `titles` are what it says, `at_work` what runs now."""

    def __init__(self, *titles, pause=0.0, slow=False):
        super().__init__(pause=pause)
        self.titles, self.slow, self.given_up, self.told = list(titles), slow, 0, 0
        self.starter, self.sleeping, self.trouble = False, False, None
        self.slot, self.at_work = threading.Lock(), []

    def state(self):
        state = dataclasses.replace(super().state(), starter=self.starter)
        return dataclasses.replace(state, status="sleeping") if self.sleeping else state

    def answer(self, messages, options, *, owner=""):
        titles = messages[-1].text.startswith(TITLE)
        with self._working():
            while not self.slot.acquire(timeout=0.02):
                yield Delta("")
            self.at_work.append("title" if titles else "answer")
            try:
                yield from self._title(options) if titles else super().answer(messages, options, owner=owner)
            except GeneratorExit:
                self.given_up += titles
                raise
            finally:
                self.slot.release()

    def _title(self, options):
        self.told += 1
        if self.trouble is not None:
            raise self.trouble
        assert options.temperature == 0 and options.max_tokens <= 40
        until_then = time.monotonic() + 30
        while self.slow and time.monotonic() < until_then:
            time.sleep(0.01)
            yield Delta("")
        for word in self.titles.pop(0).split(" "):
            yield Delta(word + " ")
        yield Finished("stop", Usage())


@pytest.fixture
def named(make):
    """A chat over such an engine, with short pauses between attempts."""

    def named(*titles, **given):
        chat = make(Namer(*titles, **given), titles=True)
        chat.titling.pauses = (0.02,) * 6
        return chat

    return named


def settled(chat):
    """Nothing more is asked for."""
    until(lambda: chat.titling._thread is None, 10)


def titled(store, key):
    about = store.conversation("ann", key)
    return about.title, about.titled_by


def test_the_model_names_a_conversation_after_its_first_answer(named, store):
    chat = named('**Title:** "Eggs for Sunday."')
    key = chat.create("ann", "").id
    heard = Heard(chat, "ann", key)
    ask(chat, key, "how many eggs are wanted for six of us on a Sunday morning?")
    settled(chat)
    assert titled(store, key) == ("Eggs for Sunday", "model")
    assert heard.names()[-2:] == ["Changed", "Listed"]
    asked = chat.engines.told
    ask(chat, key, "and on a Monday?")
    settled(chat)
    assert (chat.engines.told, titled(store, key)) == (asked, ("Eggs for Sunday", "model")), "it has its title"


def test_a_title_is_given_up_for_an_answer_and_made_later(named, store):
    chat = named("Eggs", slow=True)
    key, other = (chat.create("ann", "").id for _ in range(2))
    ask(chat, key, "how many eggs?")
    until(lambda: chat.engines.at_work[-1:] == ["title"], 10)
    reply = chat.ask("ann", other, "one two three")
    assert reply.wait(10), "the answer did not wait for the title, which would take half a minute"
    assert chat.engines.given_up
    assert reply.text == "one two three"
    assert titled(store, key)[1] == "question"
    chat.engines.slow, chat.engines.titles = False, ["Eggs", "Numbers"]
    settled(chat)
    assert titled(store, key) == ("Eggs", "model") and titled(store, other)[1] == "model"


def test_a_program_that_asks_without_a_conversation_comes_first_too(named):
    chat = named("Eggs", slow=True)
    key = chat.create("ann", "").id
    ask(chat, key, "how many eggs?")
    until(lambda: chat.engines.at_work[-1:] == ["title"], 10)
    parts = list(chat.engines.answer([Message(role="user", text="hello")], chat.options(chat.engines.state())))
    assert isinstance(parts[-1], Finished)
    assert chat.engines.given_up >= 1


def test_it_waits_while_the_engine_is_at_work(named, store):
    chat = named("Eggs", "Long", pause=0.01)
    key, other = (chat.create("ann", "").id for _ in range(2))
    chat.titling.pauses = (0.02,) * 200
    running = chat.ask("ann", other, "word " * 60)
    chat.titling.wish("ann", key, chat.engines)  # nothing was said there: no title is wanted
    until(lambda: running.text, 10)
    chat.engines.at_work.clear()
    assert running.wait(20)
    settled(chat)
    assert chat.engines.at_work == ["title"], "only after the answer"
    assert (titled(store, key), titled(store, other)) == (("", ""), ("Eggs", "model"))


def test_a_persons_title_stays(named, store):
    chat = named("Eggs", slow=True)
    key = chat.create("ann", "").id
    ask(chat, key, "how many eggs?")
    until(lambda: chat.engines.at_work[-1:] == ["title"], 10)
    chat.change("ann", key, title="Mine")
    chat.engines.slow = False
    settled(chat)
    assert titled(store, key) == ("Mine", "person")
    programs = store.create_conversation("ann", title="A program's own").id
    asked = chat.engines.told
    ask(chat, programs, "hello")
    settled(chat)
    assert (store.conversation("ann", programs).title, chat.engines.told) == ("A program's own", asked)


def test_only_a_finished_answer_is_named(named, store):
    chat = named("Eggs", pause=0.02)
    key = chat.create("ann", "").id
    reply = chat.ask("ann", key, "word " * 300)
    until(lambda: reply.text, 10)
    assert chat.stop("ann", key)
    assert chat.titling._thread is None and chat.engines.told == 0
    chat.engines.pause = 0
    ask(chat, key, "how many eggs?")
    settled(chat)
    assert titled(store, key) == ("Eggs", "model")


@pytest.mark.parametrize("trouble", [Unavailable("The model was lost."), TooMany("The queue is full."), RuntimeError("odd")])
def test_failing_is_quiet_and_is_left_in_the_end(named, store, trouble):
    chat = named()
    chat.engines.trouble = trouble
    key = chat.create("ann", "").id
    ask(chat, key, "how many eggs?")
    settled(chat)
    assert titled(store, key) == ("how many eggs?", "question")
    assert chat.engines.told == (1 if isinstance(trouble, RuntimeError) else 6)
    assert chat.engines.busy() == 0
    chat.engines.trouble, chat.engines.titles = None, ["Eggs"]
    ask(chat, key, "and how much milk?")
    settled(chat)
    assert titled(store, key) == ("Eggs", "model"), "the next answer is another chance"


@pytest.mark.parametrize("which", ["starter", "sleeping", "deleted", "useless"])
def test_where_there_is_no_title_the_question_stays(named, store, which):
    chat = named("Write a title of two to six words", "Answer:", "...")
    key = chat.create("ann", "").id
    chat.engines.starter = which == "starter"
    chat.titling.pauses = (0.1, *chat.titling.pauses)
    ask(chat, key, "how many eggs?")
    chat.engines.sleeping = which == "sleeping"
    if which == "deleted":
        chat.delete("ann", key)
    settled(chat)
    assert chat.engines.told == (1 if which == "useless" else 0)
    if which == "deleted":
        chat.restore("ann", key)
    assert titled(store, key) == ("how many eggs?", "question")


def test_without_the_flag_and_after_closing_nothing_is_asked(make, named):
    assert make(Namer()).titling is None
    chat = named("Eggs", slow=True)
    key = chat.create("ann", "").id
    ask(chat, key, "how many eggs?")
    until(lambda: chat.engines.at_work[-1:] == ["title"], 10)
    chat.close()
    assert chat.engines.busy() == 0
    assert chat.engines.given_up == 1


@pytest.mark.parametrize(("said", "title"), [
    ("Eggs for Sunday", "Eggs for Sunday"),
    ("\n\n# Eggs for Sunday\nThis title says what it is about.", "Eggs for Sunday"),
    ("Sure, here is a title:\n\n**“Eggs for Sunday.”**", "Eggs for Sunday"),
    ("Title: 'Eggs `and` [milk](https://example.org/)'", "Eggs and milk"),
    ("标题：“星期天的鸡蛋。”", "星期天的鸡蛋"),
    ("<think>The user wants eggs.</think>\nEggs", "Eggs"),
    ("<think>The user wants", ""),
    ("What is C#?", "What is C#?"),
    ("Learning C++ and F#", "Learning C++ and F#"),
    ("Eggs\u202e for\x00 Sunday", "Eggs for Sunday"),
    ("word " * 20, "word " * 11 + "word …"),
    ("word " * 40, ""),
    (TITLE, ""),
    ("Write a title of two to six words for the conversation", ""),
    ("Untitled", ""),
    ("", ""),
    ("***", ""),
])
def test_what_is_a_title(said, title):
    assert title_in(said) == title
