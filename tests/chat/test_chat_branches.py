"""Branches: questions and answers beside one another, whichever is shown, and what is remembered in each."""

import pytest

from tests.chat.conftest import ask, shown
from webbot.errors import BadInput, Conflict, NotFound, TooLong
from webbot.messages import Message


@pytest.fixture
def talk(make):
    """A chat and a conversation with the questions one, two, three."""
    chat = make()
    key = chat.create("ann", "").id
    return chat, key, [ask(chat, key, text) for text in ("one", "two", "three")]


def test_a_question_in_the_middle_is_edited_beside_itself(talk, store):
    chat, key, replies = talk
    edited = chat.edit("ann", key, replies[1].question.id, "other")
    assert edited.wait(5)
    assert edited.began.after == replies[0].answer.number
    assert chat.engines.sent[-1] == ["one", "one", "other"]
    assert shown(store, key) == ["one", "one", "other", "other"]
    assert store.versions("ann", key, [edited.question.id]) == {edited.question.id: [replies[1].question.id, edited.question.id]}
    chat.show("ann", key, replies[1].question.id)
    assert shown(store, key) == ["one", "one", "two", "two", "three", "three"], "shown to the end of that branch"
    chat.show("ann", key, edited.question.id)
    assert ask(chat, key, "what did I say?").text == "You said: one | other"
    chat.show("ann", key, replies[2].answer.id)
    assert ask(chat, key, "what did I say?").text == "You said: one | two | three"


def test_the_first_question_is_edited(talk, store):
    chat, key, replies = talk
    edited = chat.edit("ann", key, replies[0].question.id, "begin anew")
    assert edited.wait(5) and edited.began.after == 0
    assert shown(store, key) == ["begin anew", "begin anew"]
    assert chat.engines.sent[-1] == ["begin anew"]
    assert len(store.tree("ann", key)) == 8


def test_an_answer_in_the_middle_is_made_again(talk, store):
    chat, key, replies = talk
    for message in (replies[1].answer.id, replies[1].question.id):
        chat.show("ann", key, replies[2].answer.id)
        again = chat.again("ann", key, message)
        assert again.wait(5)
        assert again.question.id == replies[1].question.id
        assert shown(store, key) == ["one", "one", "two", "two"]
        assert chat.engines.sent[-1] == ["one", "one", "two"]
    assert len(store.versions("ann", key, [again.answer.id])[again.answer.id]) == 3
    last = chat.again("ann", key)
    assert last.wait(5) and last.question.id == replies[1].question.id


def test_after_names_any_message_and_its_branch_is_shown(talk, store):
    chat, key, replies = talk
    chat.edit("ann", key, replies[0].question.id, "elsewhere").wait(5)
    assert ask(chat, key, "what did I say?", after=replies[1].answer.id).text == "You said: one | two"
    assert shown(store, key) == ["one", "one", "two", "two", "what did I say?", "You said: one | two"]
    assert ask(chat, key, "a first one", after="").began.after == 0
    assert shown(store, key) == ["a first one", "a first one"]


def test_what_is_refused_changes_nothing(talk, store):
    chat, key, replies = talk
    chat.edit("ann", key, replies[1].question.id, "other").wait(5)
    tree, before = store.tree("ann", key), shown(store, key)
    long = "word " * 9000
    for problem, call in (
        (TooLong, lambda: chat.ask("ann", key, long)),
        (TooLong, lambda: chat.ask("ann", key, long, after=replies[2].answer.id)),
        (TooLong, lambda: chat.edit("ann", key, replies[0].question.id, long)),
        (BadInput, lambda: chat.edit("ann", key, replies[0].question.id, " ")),
        (BadInput, lambda: chat.edit("ann", key, replies[0].answer.id, "an answer is not edited")),
        (Conflict, lambda: chat.edit("ann", key, replies[2].question.id, "another version is shown by now")),
        (Conflict, lambda: chat.again("ann", key, replies[2].answer.id)),
        (NotFound, lambda: chat.ask("ann", key, "x", after="nowhere")),
        (NotFound, lambda: chat.edit("ann", key, "nowhere", "x")),
        (NotFound, lambda: chat.again("ann", key, "nowhere")),
        (NotFound, lambda: chat.show("ann", key, "nowhere")),
        (NotFound, lambda: chat.show("bob", key, replies[0].answer.id)),
        (NotFound, lambda: chat.ask("ann", key, "x", model="nobody", after=replies[2].answer.id)),
    ):
        with pytest.raises(problem):
            call()
    assert (store.tree("ann", key), shown(store, key)) == (tree, before)
    assert ask(chat, key, "the next one works").text == "the next one works"


def test_there_is_nothing_to_answer_again(make):
    chat = make()
    key = chat.create("ann", "").id
    for call in (chat.again, chat.go_on):
        with pytest.raises(NotFound):
            call("ann", key)


def test_marks_follow_the_branch(make, store):
    """What was forgotten in one branch is not forgotten in another, and stays forgotten in its own."""
    chat = make()
    chat.engines.context = 256
    key = chat.create("ann", "").id
    first = ask(chat, key, "number 0 " + "word " * 20)
    replies = [ask(chat, key, f"number {number} " + "word " * 20) for number in range(1, 6)]
    forgotten = store.conversation("ann", key).remembers_from
    assert forgotten > first.answer.number
    edited = chat.edit("ann", key, replies[0].question.id, "short")
    assert edited.wait(5)
    assert store.conversation("ann", key).remembers_from < forgotten
    assert any("number 0" in text for text in chat.engines.sent[-1])
    chat.show("ann", key, replies[-1].answer.id)
    assert store.conversation("ann", key).remembers_from == forgotten
    ask(chat, key, "and now?")
    assert not any("number 0" in text for text in chat.engines.sent[-1])


def test_a_conversation_that_must_be_seen_whole(make):
    chat = make()
    chat.engines.context = 256
    key = chat.create("ann", "").id
    replies = [ask(chat, key, "word " * 20, whole=True) for _ in range(3)]
    with pytest.raises(TooLong):
        for _ in range(5):
            ask(chat, key, "word " * 20, whole=True)
    assert ask(chat, key, "word " * 20, whole=True, after=replies[0].answer.id).window.kept


def test_thumbs_and_titles_and_versions(talk, store):
    chat, key, replies = talk
    assert chat.judge("ann", key, replies[0].answer.id, "up").feedback == "up"
    assert chat.pin("ann", key, replies[0].answer.id, True).pinned
    assert not chat.pin("ann", key, replies[0].answer.id, False).pinned
    with pytest.raises(BadInput):
        chat.judge("ann", key, replies[0].question.id, "down")
    about = store.conversation("ann", key)
    assert (about.title, about.titled_by) == ("one", "question")
    changed = chat.change("ann", key, title="  My   own ", only_version=about.version)
    assert (changed.title, changed.titled_by) == ("My own", "person")
    for stale in (lambda: chat.change("ann", key, title="late", only_version=about.version),
                  lambda: chat.delete("ann", key, only_version=about.version)):
        with pytest.raises(Conflict):
            stale()
    assert store.conversation("ann", key).title == "My own"


def test_a_file_is_attached_and_detached(talk, store):
    chat, key, _ = talk
    file = chat.attach("ann", key, "../notes.txt", b"The moon is made of paper.")
    assert file.name == "notes.txt"
    ask(chat, key, "what is it made of?")
    assert any("made of paper" in text for text in chat.engines.sent[-1])
    chat.detach("ann", key, file.id)
    assert not store.files("ann", key)


def test_an_answer_without_an_end_is_ended_first(make, store):
    """Its process was killed: nobody claims the conversation, though the answer is stored as streaming."""
    chat = make()

    def lost():
        key = chat.create("ann", "").id
        ask(chat, key, "before")
        _, answer = store.begin_turn("ann", key, Message(role="user", text="lost"))
        return key, answer

    calls = {
        "ask": lambda key, answer: chat.ask("ann", key, "next"), "again": lambda key, answer: chat.again("ann", key),
        "edit": lambda key, answer: chat.edit("ann", key, answer.parent, "next"),
        "show": lambda key, answer: chat.show("ann", key, answer.id), "share": lambda key, answer: chat.share("ann", key),
    }
    for name, call in calls.items():
        key, answer = lost()
        begun = call(key, answer)
        if name in ("ask", "again", "edit"):
            assert begun.wait(5)
        assert store.message("ann", key, answer.id).status == "failed", name
    key, answer = lost()
    store.save_answer("ann", key, Message(role="assistant", text="before and", id=answer.id, status="streaming"))
    assert chat.go_on("ann", key).wait(5)
    assert store.message("ann", key, answer.id).status == "complete"
