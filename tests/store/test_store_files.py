"""What every store does with the files of a conversation, and with links by which it is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.store.turning import ask, ended, texts, turn
from webbot.errors import BadInput, Conflict, NotFound
from webbot.messages import File


class TestFiles:
    @pytest.mark.parametrize(("name", "text", "data"), [
        ("a.txt", "words", b"words"), ("../../etc/passwd", "", b""), ("树\u202e.md\ud800", "e\u0301\0", bytes(range(256))),
        ("big", "x" * 200_000, b"\0" * 1_000_000),
    ])
    def test_a_file_comes_back_as_it_was(self, store, talk, name, text, data):
        given = File(name=name, media_type="text/plain", size=len(data), tokens=3, counted_by="echo")
        file = store.add_file("ann", talk.id, given, text, data)
        shown = name.replace("\ud800", "\ufffd")
        assert file == replace(given, id=file.id, name=shown, created_at=file.created_at)
        assert store.files("ann", talk.id) == [file]
        assert store.file_text("ann", talk.id, file.id) == text.replace("\0", "\ufffd")
        assert store.file_data("ann", talk.id, file.id) == data

    def test_they_stay_in_the_order_in_which_they_came(self, store, talk):
        version = store.conversation("ann", talk.id).version
        made = [store.add_file("ann", talk.id, File(name=n, media_type="t", size=0), n, b"") for n in "bac"]
        assert store.conversation("ann", talk.id).version > version
        assert store.files("ann", talk.id) == made
        store.delete_file("ann", talk.id, made[2].id)
        store.delete_file("ann", talk.id, made[0].id)
        made.append(store.add_file("ann", talk.id, File(name="d", media_type="t", size=0), "", b""))
        assert [file.name for file in store.files("ann", talk.id)] == ["a", "d"]
        for call in (store.delete_file, store.file_text, store.file_data):
            for gone in (made[0].id, "nowhere", ""):
                with pytest.raises(NotFound):
                    call("ann", talk.id, gone)

    def test_a_file_belongs_to_its_conversation(self, store, talk):
        file = store.add_file("ann", talk.id, File(name="a", media_type="t", size=0), "", b"")
        other = store.create_conversation("ann")
        for call in (store.delete_file, store.file_text, store.file_data):
            with pytest.raises(NotFound):
                call("ann", other.id, file.id)
        store.save_counts("ann", other.id, {file.id: 9}, "echo")
        assert store.files("ann", talk.id) == [file]
        store.delete_conversation("ann", talk.id, at_once=True)
        with pytest.raises(NotFound):
            store.file_data("ann", talk.id, file.id)


class TestShares:
    def test_the_branch_is_read_as_far_as_it_went(self, store, talk):
        first = turn(store, talk, "1")
        share = store.share("ann", talk.id)
        assert (share.conversation, share.tip) == (talk.id, first[1].id)
        assert len(share.token) >= 22
        assert store.shared("ann", talk.id) == share
        turn(store, talk, "2")
        turn(store, talk, "1b", after="")
        about, said = store.read_share(share.token)
        assert about == store.conversation("ann", talk.id)
        assert said == list(first)

    def test_a_new_link_ends_the_earlier_one(self, store, talk):
        turn(store, talk)
        old = store.share("ann", talk.id)
        new = store.share("ann", talk.id)
        assert old.token != new.token
        assert store.shared("ann", talk.id) == new
        with pytest.raises(NotFound):
            store.read_share(old.token)

    def test_it_can_be_taken_back(self, store, talk):
        turn(store, talk)
        assert store.shared("ann", talk.id) is None
        store.unshare("ann", talk.id)
        share = store.share("ann", talk.id)
        store.unshare("ann", talk.id)
        assert store.shared("ann", talk.id) is None
        for token in (share.token, "", "nowhere", talk.id, "\ud800"):
            with pytest.raises(NotFound):
                store.read_share(token)

    def test_a_deleted_conversation_is_read_by_nobody(self, store, talk):
        turn(store, talk)
        share = store.share("ann", talk.id)
        store.delete_conversation("ann", talk.id)
        with pytest.raises(NotFound):
            store.read_share(share.token)

    def test_there_must_be_something_to_read(self, store, talk):
        with pytest.raises(BadInput):
            store.share("ann", talk.id)
        _, answer = ask(store, talk)
        with pytest.raises(Conflict):
            store.share("ann", talk.id)
        ended(store, talk, answer)
        store.share("ann", talk.id)
        assert texts(store, talk) == ["What is a tree?", "A plant."]
