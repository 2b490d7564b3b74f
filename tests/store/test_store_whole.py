"""What every store does as a whole: everything out as records, everything in again, a look for damage."""

from __future__ import annotations

import threading
import time
from dataclasses import fields, replace

import pytest

from tests.store.turning import again, ask, turn
from webbot.errors import Conflict
from webbot.messages import Conversation, File, Message, Share, Usage
from webbot.store.base import Entry

USAGE = Usage(prompt_tokens=7, answer_tokens=2, cached_tokens=3, first_token_seconds=0.1, seconds=1 / 3)


def fill(store):
    """Two owners, branches, a running answer, files, shares, a request, a deleted conversation, sessions, entries, counters."""
    talk = store.create_conversation("ann", title="Bäume\n", role="Be kind.", model="llama")
    question, answer = turn(store, talk, "Hm? \u202e树")
    store.save_answer("ann", talk.id, replace(answer, usage=USAGE, error="e", tokens=2, counted_by="echo"))
    again(store, talk, question)
    turn(store, talk, "2", after="")
    store.change_conversation("ann", talk.id, remembers_from=1, cut_for="echo")
    store.change_message("ann", talk.id, answer.id, pinned=True, feedback="up")
    store.keep_request("ann", talk.id, answer.id, {"model": "树", "temperature": 0.1, "deep": [1, None, {"a": True}]})
    store.share("ann", talk.id)
    for data in (b"\0\xff", b""):
        store.add_file("ann", talk.id, File(name="a.bin", media_type="t", size=len(data), tokens=5), "text", data)
    ask(store, store.create_conversation("bob", title="runs"))
    gone = store.create_conversation("ann", title="gone")
    turn(store, gone)
    store.delete_conversation("ann", gone.id)
    store.create_conversation("ann", title="last")
    store.change_conversation("ann", talk.id, title="Trees")
    store.write_session("k", b"\x00one\xff", 600)
    store.put_entry(Entry(kind="person", id="p/1", value={"name": "Ann \ud800\0", "turns": 0.1, "of": [None, {}]}))
    device = store.put_entry(Entry(kind="device", id="d", owner="p/1", ends_at=time.time() + 600))
    store.put_entry(replace(device, value={"name": "phone"}))
    store.put_entry(Entry(kind="device", id="ended", owner="p/1", ends_at=5.0))
    store.add_up("tokens p/1", 7, time.time() + 600.25)
    store.add_up("ended", 7, 5.0)
    return talk


def names(of, *without):
    return {field.name for field in fields(of)} - set(without)


def values(of, *without):
    return {name: getattr(of, name) for name in names(of, *without)}


def test_records_are_everything_in_order(store):
    talk = fill(store)
    found = list(store.records())
    by_kind = {kind: [record for record in found if record.kind == kind] for kind in {record.kind for record in found}}
    assert {kind: len(records) for kind, records in by_kind.items()} == {
        "conversation": 4, "message": 9, "request": 1, "file": 2, "share": 1, "session": 1, "entry": 2, "counter": 1}
    known = {
        "conversation": names(Conversation) | {"deleted_at"},
        "message": names(Message, "tool_calls", "tool_call") | {"conversation"},
        "request": {"message", "value"}, "file": names(File) | {"conversation", "text", "data"},
        "share": names(Share), "session": {"key", "value", "ends_at"}, "entry": names(Entry),
        "counter": {"key", "value", "ends_at"},
    }
    for record in found:
        assert set(record.fields) == known[record.kind]
    seen, last = set(), {}
    for record in found:
        if record.kind == "conversation":
            seen.add(record.id)
        elif record.kind not in ("session", "entry", "counter"):
            of = record.fields.get("conversation") or next(
                other.fields["conversation"] for other in found if other.id == record.fields["message"])
            assert of in seen
            if record.kind == "message":
                assert record.fields["number"] > last.get(of, 0)
                last[of] = record.fields["number"]
    assert [(record.kind, record.id) for record in found[-4:]] == [
        ("session", "k"), ("entry", "device/d"), ("entry", "person/p/1"), ("counter", "tokens p/1")]
    assert by_kind["entry"][1].fields == values(store.entry("person", "p/1"))
    about = next(record.fields for record in found if record.id == talk.id)
    assert about == {"deleted_at": None} | values(store.conversation("ann", talk.id))
    told = {record.id: record.fields for record in by_kind["message"]}
    for message in store.tree("ann", talk.id):
        usage = message.usage and values(message.usage)
        assert told[message.id] == values(message, "tool_calls", "tool_call") | {"usage": usage, "conversation": talk.id}
    assert [record.fields["data"] for record in by_kind["file"]] == [b"\0\xff", b""]
    assert [record.fields["deleted_at"] is not None for record in by_kind["conversation"]].count(True) == 1


def test_another_store_takes_them_and_is_the_same(opened):
    store, other = opened(), opened("other")
    talk = fill(store)
    other.take(store.records())
    assert list(other.records()) == list(store.records())
    for owner in ("ann", "bob"):
        assert other.conversations(owner) == store.conversations(owner)
    assert other.messages("ann", talk.id) == store.messages("ann", talk.id)
    assert other.files("ann", talk.id) == store.files("ann", talk.id)
    assert other.read_share(store.shared("ann", talk.id).token) == store.read_share(store.shared("ann", talk.id).token)
    assert other.read_session("k") == b"\x00one\xff"
    assert other.entry("person", "p/1") == store.entry("person", "p/1")
    assert other.entries("device", "p/1") == store.entries("device", "p/1") != []
    assert other.verify() == []
    if other.searches_texts:
        assert [c.id for c in other.conversations("ann", search="hm 树")] == [talk.id]
    # It is a store like any other from here on.
    newest = other.create_conversation("ann", title="newest")
    assert other.conversations("ann")[0].id == newest.id
    assert turn(other, talk)[0].number == store.messages("ann", talk.id)[-1].number + 1
    assert other.add_file("ann", talk.id, File(name="b", media_type="t", size=0), "", b"") == other.files("ann", talk.id)[-1]
    assert other.fail_interrupted("It stopped.") == 1
    assert {conversation.title for conversation in other.conversations("ann")} == {"newest", "Trees", "last"}
    assert other.purge(time.time() + 100) == 1
    device = other.entry("device", "d")
    assert other.put_entry(replace(device, value={})).version == device.version + 1
    assert other.delete_entry("person", "p/1")
    assert other.add_up("tokens p/1", 1, time.time() + 600) == 8
    assert other.hand_over("ann", "bob") == 3
    assert other.verify() == []


@pytest.mark.parametrize("what", ["conversation", "session", "entry", "counter"])
def test_only_an_empty_store_takes_records(opened, what):
    store, other = opened(), opened("other")
    fill(store)
    if what == "session":
        other.write_session("mine", b"1", 60)
    elif what == "entry":
        other.put_entry(Entry(kind="k", id="mine", ends_at=time.time() + 600))
    elif what == "counter":
        other.add_up("mine", 0, time.time() + 600)
    else:
        other.create_conversation("ann", title="mine")
    before = list(other.records())
    with pytest.raises(Conflict):
        other.take(store.records())
    assert list(other.records()) == before


def test_what_has_ended_is_nothing(opened):
    store, other = opened(), opened("other")
    fill(store)
    soon = time.time() + 0.05
    other.put_entry(Entry(kind="person", id="p/1", owner="somebody", ends_at=soon))
    other.add_up("tokens p/1", 1, soon)
    while time.time() < soon + 0.01:
        time.sleep(0.01)
    other.take(store.records())
    assert list(other.records()) == list(store.records())
    assert list(other.entries("person", "somebody")) == []
    assert other.verify() == []


def test_what_fails_leaves_it_empty(opened):
    store, other = opened(), opened("other")
    fill(store)

    def broken():
        yield from list(store.records())[:-3]
        raise OSError("the line is cut")

    with pytest.raises(OSError, match="the line is cut"):
        other.take(broken())
    assert list(other.records()) == []
    other.take(store.records())
    assert list(other.records()) == list(store.records())


def test_records_are_of_one_moment(store, talk):
    for n in range(3):
        turn(store, talk, str(n))
    before = list(store.records())
    reading = store.records()
    found = [next(reading), next(reading)]
    writer = threading.Thread(target=lambda: (turn(store, talk, "late"), store.create_conversation("ann", title="late")))
    writer.start()
    writer.join(5)  # a store may also let the writer wait until all is read
    found += list(reading)
    writer.join()
    assert found == before
    assert len(list(store.records())) == len(before) + 3


def test_reading_may_end_early(store, talk):
    turn(store, talk)
    for _ in range(20):
        reading = store.records()
        next(reading)
        reading.close()
    turn(store, talk)
    assert store.verify() == []


def test_a_new_and_a_used_store_are_undamaged(store):
    assert store.verify() == []
    fill(store)
    assert store.verify() == []
