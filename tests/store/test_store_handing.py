"""All conversations of an owner given to another one: what goes with them, and who finds them then."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from tests.store.turning import ask, ended, texts, turn
from webbot.errors import Conflict, NotFound
from webbot.messages import Conversation, File, Message


def titles(store, owner, search=""):
    return [c.title for c in store.conversations(owner, search=search)]


@pytest.fixture
def many(store):
    """Of Ann: two pinned ones, four others of which one came from elsewhere and stands last; of Bob a pinned one and another."""
    made = {title: store.create_conversation("ann", title=title) for title in ("one", "two", "three", "four", "five")}
    store.add_conversation("ann", Conversation(id="", owner="", title="old", created_at=5.0, updated_at=6.0), [])
    for title in ("four", "two"):
        made[title] = store.change_conversation("ann", made[title].id, pinned=True)
    turn(store, made["one"])
    for title in ("bobs", "bobs pinned"):
        made[title] = store.create_conversation("bob", title=title)
    store.change_conversation("bob", made["bobs pinned"].id, pinned=True)
    assert titles(store, "ann") == ["two", "four", "one", "five", "three", "old"]
    return made


def test_they_keep_their_order_above_those_of_the_other_one(store, many):
    before = store.conversations("ann")
    assert store.hand_over("ann", "bob") == 6
    assert titles(store, "bob") == ["two", "four", "bobs pinned", "one", "five", "three", "old", "bobs"]
    after = [c for c in store.conversations("bob") if not c.title.startswith("bobs")]
    assert after == [replace(c, owner="bob", version=c.version + 1) for c in before]
    assert list(store.conversations("ann")) == []
    assert [store.hand_over(*given) for given in (("ann", "bob"), ("bob", "bob"), ("nobody", "bob"))] == [0, 0, 0]
    store.create_conversation("bob", title="new")
    turn(store, store.conversation("bob", many["three"].id))
    assert titles(store, "bob")[3:6] == ["three", "new", "one"]
    store.add_conversation("bob", Conversation(id="", owner="", title="older", created_at=5.0, updated_at=5.5), [])
    assert titles(store, "bob")[-1] in ("older", "bobs")  # whether it is older than the last one
    store.create_conversation("ann", title="anns new")
    assert titles(store, "ann") == ["anns new"]
    assert store.verify() == []


def test_all_that_they_have_goes_with_them(store, talk):
    question, answer = turn(store, talk)
    store.change_message("ann", talk.id, answer.id, pinned=True, feedback="up")
    store.keep_request("ann", talk.id, answer.id, {"model": "m"})
    file = store.add_file("ann", talk.id, File(name="a.txt", media_type="text/plain", size=1), "a", b"b")
    share = store.share("ann", talk.id)
    tree, read = store.tree("ann", talk.id), store.read_share(share.token)
    assert store.hand_over("ann", "bob") == 1
    assert store.tree("bob", talk.id) == store.messages("bob", talk.id) == tree
    assert (store.owner(talk.id), store.files("bob", talk.id), store.shared("bob", talk.id)) == ("bob", [file], share)
    assert (store.file_text("bob", talk.id, file.id), store.file_data("bob", talk.id, file.id)) == ("a", b"b")
    assert store.read_share(share.token)[1] == read[1]
    assert store.request("bob", talk.id, answer.id) == {"model": "m"}
    assert len(store.held("bob", talk.id)) == 2
    for refused in (
        lambda: store.conversation("ann", talk.id), lambda: store.messages("ann", talk.id), lambda: ask(store, talk),
        lambda: store.file_data("ann", talk.id, file.id), lambda: store.unshare("ann", talk.id),
        lambda: store.delete_conversation("ann", talk.id), lambda: store.restore_conversation("ann", talk.id),
        lambda: store.begin_answer("ann", talk.id, question.id), lambda: store.change_conversation("ann", talk.id, title="x"),
    ):
        with pytest.raises(NotFound):
            refused()
    bobs = store.conversation("bob", talk.id)
    turn(store, bobs, "And an oak?", "A tree.")
    assert texts(store, bobs)[-1] == "A tree."
    store.delete_conversation("bob", talk.id, at_once=True)
    assert [record.kind for record in store.records()] == []
    assert store.verify() == []


def test_search_finds_them_for_the_new_owner_alone(store, talk):
    turn(store, talk, "How do I bake an eclair?")
    store.create_conversation("bob", title="Trees of Bob")
    word = "eclair" if store.searches_texts else "trees"
    found = ["Trees"] if store.searches_texts else ["Trees", "Trees of Bob"]
    store.hand_over("ann", "bob")
    assert (titles(store, "bob", word), titles(store, "ann", word), titles(store, "eve", word)) == (found, [], [])
    assert titles(store, "bob", "TREE") == ["Trees", "Trees of Bob"]
    anns = store.create_conversation("ann", title="Trees of Ann")  # she may go on
    turn(store, anns, "Another eclair")
    assert titles(store, "bob", word) == found
    assert titles(store, "ann", word) == ["Trees of Ann"]
    store.hand_over("bob", "cat")
    assert titles(store, "cat", word) == found
    assert titles(store, "bob", word) == []
    turn(store, store.conversation("cat", talk.id), "one more eclair", "hazel")
    store.change_conversation("cat", talk.id, title="Hazels")
    assert titles(store, "cat", "hazel") == ["Hazels"]
    store.hand_over("cat", "ann")
    assert set(titles(store, "ann", "hazel")) == {"Hazels"}
    assert set(titles(store, "ann", "trees")) == {"Trees of Ann", "Trees of Bob"}
    assert [titles(store, owner, "hazel") for owner in ("bob", "cat")] == [[], []]
    assert store.verify() == []


def test_deleted_ones_go_too(store, many):
    turn(store, many["five"], "Where is the hazel?")
    store.delete_conversation("ann", many["five"].id)
    store.delete_conversation("ann", many["four"].id)
    assert store.hand_over("ann", "bob") == 6
    assert titles(store, "bob") == ["two", "bobs pinned", "one", "three", "old", "bobs"]
    for owner in ("ann", "eve"):
        with pytest.raises(NotFound):
            store.restore_conversation(owner, many["five"].id)
    assert store.restore_conversation("bob", many["five"].id).owner == "bob"
    assert titles(store, "bob") == ["two", "bobs pinned", "five", "one", "three", "old", "bobs"]
    assert titles(store, "bob", "hazel" if store.searches_texts else "five") == ["five"]
    store.delete_conversation("bob", many["three"].id)
    store.restore_conversation("bob", many["three"].id)
    assert titles(store, "bob") == ["two", "bobs pinned", "five", "one", "three", "old", "bobs"]
    assert store.verify() == []
    assert store.purge(time.time() + 100) == 1
    with pytest.raises(NotFound):
        store.restore_conversation("bob", many["four"].id)
    assert store.verify() == []


def test_a_running_answer_ends_where_it_is(store, talk):
    _, answer = ask(store, talk)
    store.save_answer("ann", talk.id, replace(answer, text="A pl"))
    other = store.create_conversation("bob")
    _, running = ask(store, other)
    store.hand_over("ann", "bob")
    for status in ("streaming", "complete"):
        with pytest.raises(NotFound):  # by which whoever writes it knows that it has ended
            store.save_answer("ann", talk.id, replace(answer, text="A plant", status=status))
    bobs = store.conversation("bob", talk.id)
    last = store.messages("bob", talk.id)[-1]
    assert (last.text, last.status) == ("A pl", "stopped")
    assert store.message("bob", other.id, running.id).status == "streaming"
    if store.searches_texts:
        assert len(store.conversations("bob", search="a pl")) == 1
    assert store.verify() == []
    turn(store, bobs)
    assert store.fail_interrupted("It stopped.") == 1


def test_it_and_writers_at_once(opened):
    """Whatever is begun, ended and made meanwhile, each conversation has one owner, and none of them a lost answer."""
    store, other = opened(), opened()
    talks = [store.create_conversation("ann", title=f"Trees {n}") for n in range(4)]
    ending, refused, known = threading.Event(), [], []

    def write(talk):
        while not ending.is_set():
            try:
                _, answer = ask(other, talk)
                known.append(answer.id)
                ended(other, talk, answer)
            except (NotFound, Conflict) as problem:
                refused.append(problem)
                return

    writers = [threading.Thread(target=write, args=(talk,)) for talk in talks]
    for writer in writers:
        writer.start()
    while len(known) < 4 and any(writer.is_alive() for writer in writers):
        time.sleep(0.001)
    try:
        given = store.hand_over("ann", "bob")
    finally:
        ending.set()
        for writer in writers:
            writer.join()
    assert given == 4
    assert all(isinstance(problem, NotFound) for problem in refused)
    assert {c.id for c in store.conversations("bob")} == {talk.id for talk in talks}
    assert list(store.conversations("ann")) == []
    said = {message.id: message for talk in talks for message in store.tree("bob", talk.id)}
    assert set(known) <= set(said)
    assert {message.status for message in said.values()} <= {"complete", "stopped"}
    assert store.verify() == []


def test_what_the_first_owner_makes_afterwards_is_not_the_others(store, talk):
    store.hand_over("ann", "bob")
    made = store.create_conversation("ann", title="Trees", beginning=[Message(role="user", text="A secret word")])
    for search in ("", "trees", "secret"):
        assert made.id not in {c.id for c in store.conversations("bob", search=search)}
    with pytest.raises(NotFound):
        store.conversation("bob", made.id)
