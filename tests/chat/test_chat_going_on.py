"""Answers that are gone on with: in the same message, by models that are given their own words and by those that begin anew."""

import dataclasses

import pytest

from tests.chat.conftest import WatchedEcho, ask, shown
from tests.engines.conftest import until
from webbot.chat.seam import Seam
from webbot.chat.wishes import GO_ON
from webbot.errors import Conflict, TooLong, Unavailable
from webbot.messages import Failed, Finished, Options
from webbot.reply import follow

TEXT = "one two three four five six seven eight nine ten"


class Anew(WatchedEcho):
    """Cannot be given its own words: asked to go on, it says the last two once more."""

    def state(self):
        return dataclasses.replace(super().state(), abilities=super().state().abilities - {"go_on"})

    def answer(self, messages, options, *, owner=""):
        if messages[-1].text != GO_ON:
            yield from super().answer(messages, options, owner=owner)
            return
        self.sent.append([message.text for message in messages])
        words = messages[-3].text.split()
        again = len(messages[-2].text.split()) - 2
        yield from self._speak(" ".join(words[max(0, again):]), options, 10)


@pytest.mark.parametrize("engine", [WatchedEcho, Anew])
def test_a_cut_answer_goes_on_in_the_same_message(make, store, engine):
    chat = make(engine())
    key = chat.create("ann", "").id
    first = ask(chat, key, "before")
    cut = ask(chat, key, TEXT, options=Options(max_tokens=4))
    assert cut.text == "one two three four"
    usage = store.message("ann", key, cut.answer.id).usage
    reply = chat.go_on("ann", key, options=Options(max_tokens=4))
    events = [event for event in follow(reply) if event is not None]
    assert reply.wait(5)
    assert (reply.answer.id, reply.question.id, reply.began.after) == (cut.answer.id, cut.question.id, first.answer.number)
    assert reply.began.answer.text == "one two three four", "whoever comes now sees what it had"
    stored = store.message("ann", key, cut.answer.id)
    assert TEXT.startswith(stored.text) and len(stored.text) > len(cut.text)
    assert "cut here" in stored.error, "it reached its limit once more"
    assert stored.usage.answer_tokens == usage.answer_tokens + 4
    assert stored.usage.prompt_tokens > usage.prompt_tokens
    assert isinstance(events[-1], Finished) and events[-1].usage == stored.usage
    assert chat.go_on("ann", key, cut.answer.id).wait(5)
    assert shown(store, key) == ["before", "before", TEXT, TEXT]
    stored = store.message("ann", key, cut.answer.id)
    assert (stored.status, stored.error, len(store.tree("ann", key))) == ("complete", "", 4)
    assert (chat.engines.sent[-1][-1] == GO_ON) == (engine is Anew)
    assert ask(chat, key, "what did I say?").text == f"You said: before | {TEXT}", "what it was asked for is not stored"


def test_a_stopped_answer_goes_on(make, store):
    chat = make(WatchedEcho(pause=0.01))
    key = chat.create("ann", "").id
    reply = chat.ask("ann", key, TEXT)
    until(lambda: len(reply.text) > 5)
    assert chat.stop("ann", key)
    part = shown(store, key)[1]
    assert TEXT.startswith(part) and part != TEXT
    assert chat.go_on("ann", key).wait(5)
    assert shown(store, key) == [TEXT, TEXT]


class LostEcho(WatchedEcho):
    """The model dies after so many words."""

    words = 3

    def answer(self, messages, options, *, owner=""):
        for number, event in enumerate(super().answer(messages, options, owner=owner)):
            if number == self.words:
                raise Unavailable("The model was lost in mid-answer and is being started again.")
            yield event


def test_a_lost_answer_goes_on_from_each_loss(make, store):
    chat = make(LostEcho())
    key = chat.create("ann", "").id
    reply = ask(chat, key, TEXT)
    while isinstance(reply.last, Failed):
        before = len(shown(store, key)[1].split())
        reply = chat.go_on("ann", key)
        assert reply.wait(5)
        assert len(shown(store, key)[1].split()) == min(10, before + 3)
    assert shown(store, key) == [TEXT, TEXT]
    assert store.messages("ann", key)[1].error == ""


def test_what_cannot_be_gone_on_with_is_left_as_it_is(make, store):
    chat = make(LostEcho())
    key = chat.create("ann", "").id
    early = ask(chat, key, TEXT)
    chat.engines.words = 100
    ask(chat, key, "whole")
    tree = store.tree("ann", key)
    for message, words in (("", "its end"), (early.answer.id, "the last"), (early.question.id, "the last")):
        with pytest.raises(Conflict, match=words):
            chat.go_on("ann", key, message)
    assert store.tree("ann", key) == tree
    empty = chat.create("ann", "").id
    chat.engines.words = 0
    ask(chat, empty, "nothing is written")
    with pytest.raises(Conflict, match="Nothing"):
        chat.go_on("ann", empty)


def test_an_answer_that_fills_the_window_stays_as_it_is(make, store):
    chat = make(WatchedEcho(context=256))
    key = chat.create("ann", "").id
    cut = ask(chat, key, "word " * 100, options=Options(max_tokens=90))
    reply = chat.go_on("ann", key, options=Options(max_tokens=5))
    assert reply.wait(5) and isinstance(reply.last, Finished)
    chat.engines.context = 200
    before = store.message("ann", key, cut.answer.id)
    with pytest.raises(TooLong, match="fills the window"):
        chat.go_on("ann", key)
    assert store.message("ann", key, cut.answer.id) == before


@pytest.mark.parametrize(("before", "parts", "whole"), [
    ("It was very", ["very good"], "It was very good"),
    ("It was very", [" good"], "It was very good"),
    ("It was very", ["good"], "It was very good"),
    ("The cat sat on the mat and ", ["and ", "the mat was red"], "The cat sat on the mat and the mat was red"),
    ("The cat sat on the mat", ["The cat sat on", " the mat and slept"], "The cat sat on the mat and slept"),
    ("a number of thin", ["thin", "gs that"], "a number of things that"),
    ("1, 2, 3,", [" 4, 5"], "1, 2, 3, 4, 5"),
    ("It is", ["island life"], "It is island life"),
    ("one\ntwo", ["\n", "three"], "one\ntwo\nthree"),
    ("这是一个", ["这是一个", "例子"], "这是一个例子"),
    ("这是一个", ["例子"], "这是一个例子"),
    ("abc def", ["abc", " def"], "abc def"),
    ("abc def", [], "abc def"),
])
def test_the_seam(before, parts, whole):
    seam = Seam(before)
    assert before + "".join(seam.push(part) for part in parts) + seam.finish() == whole


def test_a_seam_holds_back_no_longer_than_it_must():
    seam = Seam("The cat sat")
    assert seam.push("The cat") == ""
    assert seam.push(" ran") == " The cat ran"
    assert seam.push(" away") == " away"
