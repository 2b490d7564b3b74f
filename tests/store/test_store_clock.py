"""The clock jumps a day ahead and back: order comes from numbers, sessions end by the clock, and one that was left stays so."""

import itertools

import pytest

from tests.live.conftest import until
from webbot.errors import NotFound
from webbot.messages import Message
from webbot.store.purging import UNDO_SECONDS, Purging

DAY = 86400.0


def turn(store, talk, text):
    question, answer = store.begin_turn("ann", talk.id, Message(role="user", text=text))
    store.save_answer("ann", talk.id, Message(role="assistant", id=answer.id, text="Yes.", status="complete"))
    return question


def test_messages_stay_in_order(store, clock):
    talk = store.create_conversation("ann")
    asked = []
    for seconds in (0, DAY, -DAY, 0):
        clock(seconds)
        asked.append(turn(store, talk, f"asked at {seconds}").id)
    messages = store.messages("ann", talk.id)
    assert [message.id for message in messages if message.role == "user"] == asked
    assert all(one.number < other.number for one, other in itertools.pairwise(messages))
    assert store.messages("ann", talk.id, limit=1)[0].parent == asked[-1]
    store.show("ann", talk.id, asked[0])
    assert store.conversation("ann", talk.id).tip == messages[-1].id
    assert store.verify() == []


def test_a_session_that_was_left_does_not_come_back_with_the_old_time(store, clock):
    store.write_session("kept", b"1", 2 * DAY)
    store.write_session("ended", b"2", 60)
    store.write_session("left", b"3", 2 * DAY)
    store.delete_session("left")
    clock(DAY)
    assert (store.read_session("ended"), store.read_session("kept")) == (None, b"1")
    clock(-DAY)
    assert (store.read_session("left"), store.read_session("kept")) == (None, b"1")


def test_what_was_deleted_long_ago_is_purged_and_the_rest_can_be_brought_back(store, clock):
    clock(-UNDO_SECONDS - 60)
    old = store.create_conversation("ann", title="long ago")
    turn(store, old, "Hm?")
    store.delete_conversation("ann", old.id)
    clock(0)
    new = store.create_conversation("ann", title="just now")
    turn(store, new, "Hm?")
    store.delete_conversation("ann", new.id)
    purging = Purging(store)
    purging.start()
    until(lambda: old.id not in {record.id for record in store.records()})
    purging.close()
    with pytest.raises(NotFound):
        store.restore_conversation("ann", old.id)
    store.restore_conversation("ann", new.id)
    assert len(store.messages("ann", new.id)) == 2
