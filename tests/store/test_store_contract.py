"""What every store does, whatever it stands on."""

from __future__ import annotations

import inspect
import threading
import time
from dataclasses import replace

import pytest

from tests.store.turning import ask, ended, turn
from webbot.errors import BadInput, Conflict, NotFound
from webbot.messages import File, Message, Usage
from webbot.store.base import Store


class TestConversations:
    def test_a_new_one_is_kept_as_it_was_made(self, store, talk):
        assert (talk.owner, talk.title, talk.role) == ("ann", "Trees", "You are a gardener.")
        assert (talk.pinned, talk.markup, talk.version) == (False, "markdown", 1)
        assert store.conversation("ann", talk.id) == talk
        assert abs(talk.created_at - time.time()) < 60

    def test_ids_cannot_be_guessed(self, store):
        made = {store.create_conversation("ann").id for _ in range(50)}
        assert len(made) == 50
        assert all(len(id) >= 22 for id in made)  # 128 bits
        assert len({id[:4] for id in made}) > 45

    def test_a_change_shows_and_counts(self, store, talk):
        changes = {"title": "Oaks", "titled_by": "model", "pinned": True, "speaks": True, "markup": "textile",
                   "model": "llama-3.2-1b", "remembers_from": 3}
        changed = store.change_conversation("ann", talk.id, **changes)
        assert changed == store.conversation("ann", talk.id)
        assert changed == replace(talk, **changes, version=talk.version + 1, updated_at=changed.updated_at)

    @pytest.mark.parametrize("changes", [{"id": "x"}, {"version": 9}, {"pinned": "yes"}, {"markup": "html"}, {"title": 3},
                                         {"titled_by": "me"}, {"tip": ""}, {"remembers_from": -1}, {"remembers_from": 10**10}])
    def test_what_cannot_be_changed_is_refused(self, store, talk, changes):
        with pytest.raises(BadInput):
            store.change_conversation("ann", talk.id, **changes)
        assert store.conversation("ann", talk.id) == talk

    def test_pinned_first_then_the_last_changed(self, store):
        one, two, three = (store.create_conversation("ann", title=title) for title in ("one", "two", "three"))
        assert [c.title for c in store.conversations("ann")] == ["three", "two", "one"]
        store.change_conversation("ann", two.id, pinned=True)
        turn(store, one)
        assert [c.title for c in store.conversations("ann")] == ["two", "one", "three"]
        store.change_conversation("ann", three.id, remembers_from=1, cut_for="echo")  # book-keeping moves nothing
        store.change_conversation("ann", three.id, title="three", titled_by="model")  # nobody has done anything
        assert [c.title for c in store.conversations("ann")] == ["two", "one", "three"]
        assert [c.title for c in store.conversations("ann", limit=1, offset=1)] == ["one"]

    def test_they_are_counted(self, store, talk):
        kept, gone = store.create_conversation("ann"), store.create_conversation("ann")
        store.create_conversation("bob")
        store.delete_conversation("ann", gone.id)
        assert (store.count("ann"), store.count("bob"), store.count("eve"), store.count()) == (2, 1, 0, 3)
        store.restore_conversation("ann", gone.id)
        store.delete_conversation("ann", kept.id, at_once=True)
        assert (store.count("ann"), store.count()) == (2, 3)

    def test_the_order_survives_a_clock_that_jumps_back(self, store, monkeypatch):
        store.create_conversation("ann", title="before")
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now - 86400)
        store.create_conversation("ann", title="after")
        assert [c.title for c in store.conversations("ann")] == ["after", "before"]

    @pytest.mark.parametrize("act", ["change", "delete"])
    def test_only_the_version_that_was_seen_is_changed(self, store, talk, act):
        def call(version):
            if act == "change":
                return store.change_conversation("ann", talk.id, title="Mine", only_version=version)
            return store.delete_conversation("ann", talk.id, only_version=version)

        turn(store, talk)
        seen = store.conversation("ann", talk.id)
        for stale in (talk.version, seen.version + 1, 0):
            with pytest.raises(Conflict):
                call(stale)
        assert store.conversation("ann", talk.id) == seen
        call(seen.version)

    def test_a_deleted_one_is_gone_with_its_messages(self, store, talk):
        turn(store, talk)
        store.delete_conversation("ann", talk.id)
        for call in (store.conversation, store.messages, store.delete_conversation):
            with pytest.raises(NotFound):
                call("ann", talk.id)
        assert store.conversations("ann") == []
        assert store.conversations("ann", search="plant") == []


FILE = File(name="a.txt", media_type="text/plain", size=1)


class TestTrash:
    def test_a_deleted_one_comes_back_as_it_was(self, store, talk):
        turn(store, talk)
        file = store.add_file("ann", talk.id, FILE, "a", b"a")
        share = store.share("ann", talk.id)
        other = store.create_conversation("ann", title="Other")
        before = store.conversation("ann", talk.id), store.tree("ann", talk.id), store.read_share(share.token)
        store.delete_conversation("ann", talk.id)
        for gone in (lambda: store.files("ann", talk.id), lambda: store.read_share(share.token), lambda: store.owner(talk.id),
                     lambda: ask(store, talk), lambda: store.clear("ann", talk.id), lambda: store.unshare("ann", talk.id)):
            with pytest.raises(NotFound):
                gone()
        with pytest.raises(NotFound):
            store.restore_conversation("eve", talk.id)
        assert store.restore_conversation("ann", talk.id) == before[0]
        after = store.conversation("ann", talk.id), store.tree("ann", talk.id), store.read_share(share.token)
        assert after == before
        assert store.files("ann", talk.id) == [file]
        assert [c.id for c in store.conversations("ann")] == [other.id, talk.id]
        assert [c.id for c in store.conversations("ann", search="trees")] == [talk.id]

    def test_an_answer_that_ran_is_stopped(self, store, talk):
        _, answer = ask(store, talk)
        store.save_answer("ann", talk.id, replace(answer, text="A pl"))
        store.delete_conversation("ann", talk.id)
        assert store.fail_interrupted("The server stopped.") == 0
        store.restore_conversation("ann", talk.id)
        last = store.messages("ann", talk.id)[-1]
        assert (last.text, last.status) == ("A pl", "stopped")
        turn(store, talk)

    def test_what_is_purged_is_gone_for_good(self, store, talk):
        turn(store, talk)
        kept = store.create_conversation("ann", title="Kept")
        assert store.purge(time.time() + 100) == 0
        store.delete_conversation("ann", talk.id)
        assert store.purge(time.time() - 100) == 0
        store.restore_conversation("ann", talk.id)
        store.delete_conversation("ann", talk.id)
        assert store.purge(time.time() + 100) == 1
        with pytest.raises(NotFound):
            store.restore_conversation("ann", talk.id)
        assert [record.id for record in store.records()] == [kept.id]

    def test_at_once_is_not_undone(self, store, talk):
        turn(store, talk)
        store.delete_conversation("ann", talk.id, at_once=True)
        with pytest.raises(NotFound):
            store.restore_conversation("ann", talk.id)
        assert list(store.records()) == []


class TestTurns:
    def test_question_and_empty_answer_are_there_at_once(self, store, talk):
        spoken = {"language": "en", "seconds": 2.1, "transcribed_in": 0.4}
        question, answer = store.begin_turn(
            "ann", talk.id, Message(role="user", text="Hm?", tokens=2, counted_by="echo", spoken=spoken)
        )
        assert (question.number, question.text, question.spoken, question.tokens) == (1, "Hm?", spoken, 2)
        assert (answer.number, answer.role, answer.text, answer.status) == (2, "assistant", "", "streaming")
        assert store.messages("ann", talk.id) == [question, answer]
        assert store.conversation("ann", talk.id).version > talk.version

    def test_an_answer_is_saved_whole(self, store, talk):
        question, answer = ask(store, talk)
        for status, text in (("streaming", "A pl"), ("failed", "A plant")):
            usage = Usage(prompt_tokens=7, answer_tokens=2, cached_tokens=3, first_token_seconds=0.25, seconds=1.5)
            answer = replace(answer, text=text, status=status, usage=usage, error="It broke.", tokens=2, counted_by="echo")
            store.save_answer("ann", talk.id, answer)
            assert store.messages("ann", talk.id) == [question, answer]

    def test_a_second_question_waits_for_the_answer(self, store, talk):
        _, answer = ask(store, talk)
        for refused in (
            lambda: ask(store, talk, "And now?"), lambda: ask(store, talk, "And now?", after=""),
            lambda: store.begin_answer("ann", talk.id, answer.parent), lambda: store.resume_answer("ann", talk.id, answer.id),
            lambda: store.show("ann", talk.id, answer.parent), lambda: store.share("ann", talk.id),
        ):
            with pytest.raises(Conflict):
                refused()
        assert len(store.tree("ann", talk.id)) == 2
        store.save_answer("ann", talk.id, replace(answer, status="stopped"))
        assert ask(store, talk, "And now?")[0].number == 3

    def test_an_ended_answer_does_not_start_again(self, store, talk):
        _, answer = turn(store, talk, reply="The end.")
        with pytest.raises(Conflict):
            store.save_answer("ann", talk.id, replace(answer, text="The e", status="streaming"))
        assert store.messages("ann", talk.id)[-1].text == "The end."

    def test_a_question_is_no_answer(self, store, talk):
        question, _ = ask(store, talk)
        with pytest.raises(NotFound):
            store.save_answer("ann", talk.id, replace(question, text="Mine", status="complete"))

    def test_an_answer_after_the_delete_brings_nothing_back(self, store, talk):
        _, answer = ask(store, talk)
        store.delete_conversation("ann", talk.id)
        with pytest.raises(NotFound):
            store.save_answer("ann", talk.id, replace(answer, text="Late", status="complete"))
        with pytest.raises(NotFound):
            store.messages("ann", talk.id)

    def test_clear_takes_the_messages_only(self, store, talk):
        _, answer = ask(store, talk)
        store.change_conversation("ann", talk.id, remembers_from=2, cut_for="echo")
        store.add_file("ann", talk.id, FILE, "a", b"a")
        ended(store, talk, answer)
        store.share("ann", talk.id)
        store.clear("ann", talk.id)
        with pytest.raises(NotFound):
            store.save_answer("ann", talk.id, replace(answer, status="complete"))
        cleared = store.conversation("ann", talk.id)
        assert store.tree("ann", talk.id) == store.files("ann", talk.id) == []
        assert (store.shared("ann", talk.id), cleared.tip) == (None, "")
        assert store.conversations("ann", search="plant") == []
        assert (cleared.title, cleared.role, cleared.remembers_from, cleared.cut_for) == ("Trees", "You are a gardener.", 0, "")
        assert ask(store, talk)[0].number == 1

    def test_counts_are_kept(self, store, talk):
        question, answer = turn(store, talk)
        store.save_counts("ann", talk.id, {question.id: 5, answer.id: 3, "gone": 1}, "llama")
        assert [(m.tokens, m.counted_by) for m in store.messages("ann", talk.id)] == [(5, "llama"), (3, "llama")]
        store.save_counts("ann", talk.id, {}, "llama")
        file = store.add_file("ann", talk.id, FILE, "a", b"a")
        store.save_counts("ann", talk.id, {file.id: 7}, "llama")
        assert store.files("ann", talk.id) == [replace(file, tokens=7, counted_by="llama")]

    def test_interrupted_answers_become_failed(self, store, talk):
        turn(store, talk)
        ask(store, talk)
        ask(store, store.create_conversation("bob"))
        running = store.create_conversation("bob")
        ask(store, running)
        assert store.fail_interrupted("The server stopped.", running={running.id}) == 2
        assert store.messages("bob", running.id)[-1].status == "streaming"
        last = store.messages("ann", talk.id)[-1]
        assert (last.status, last.error) == ("failed", "The server stopped.")
        assert store.fail_interrupted("Again.", running=[running.id]) == 0
        ask(store, talk)

    def test_eight_doors_at_once_one_turn(self, store, talk):
        gate, outcomes = threading.Barrier(8), []

        def door(name):
            gate.wait()
            try:
                outcomes.append(ask(store, talk, name)[0].text)
            except Conflict:
                outcomes.append(None)

        for _ in range(5):
            threads = [threading.Thread(target=door, args=(f"door {n}",)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sum(outcome is not None for outcome in outcomes) == 1, outcomes
            assert len(outcomes) == 8
            outcomes.clear()
            store.fail_interrupted("next round")
        assert [m.number for m in store.messages("ann", talk.id)] == list(range(1, 11))

    def test_many_threads_lose_nothing(self, store):
        talks = [store.create_conversation("ann", title=str(n)) for n in range(8)]

        def talk_on(talk):
            for n in range(10):
                turn(store, talk, f"{talk.title} asks {n}", f"{talk.title} hears {n}")

        threads = [threading.Thread(target=talk_on, args=(talk,)) for talk in talks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for talk in talks:
            said = [m.text for m in store.messages("ann", talk.id)]
            assert said == [f"{talk.title} {verb} {n}" for n in range(10) for verb in ("asks", "hears")]


class TestPages:
    @pytest.mark.parametrize(("page", "numbers"), [
        ({}, range(1, 11)), ({"limit": 3}, range(8, 11)), ({"before": 5}, range(1, 5)), ({"before": 5, "limit": 2}, (3, 4)),
        ({"start": 9}, (9, 10)), ({"start": 3, "before": 6, "limit": 9}, (3, 4, 5)), ({"limit": 0}, ()), ({"start": 99}, ()),
        ({"start": -10**30, "before": 10**30, "limit": 10**30}, range(1, 11)), ({"start": 10**30}, ()), ({"before": -1}, ()),
    ])
    def test_the_newest_of_the_range_in_order(self, store, talk, page, numbers):
        for n in range(5):
            turn(store, talk, str(n))
        assert [m.number for m in store.messages("ann", talk.id, **page)] == list(numbers)


class TestText:
    @pytest.mark.parametrize("text", [
        "", " \r\n\t ", "0" * 1_000_000, "😀👩‍👩‍👧 e\u0301 \u202eabc 你好 \ufeff\uffff", "<|eot_id|>",
        "'; DROP TABLE messages; --", "\x01\x1b[31m\x7f",
    ])
    def test_valid_text_comes_back_as_it_was(self, store, text):
        talk = store.create_conversation("ann", title=text, role=text)
        turn(store, talk, text, text)
        assert [m.text for m in store.messages("ann", talk.id)] == [text, text]
        assert (store.conversation("ann", talk.id).title, store.conversation("ann", talk.id).role) == (text, text)

    def test_what_is_no_text_is_replaced(self, store, talk):
        turn(store, talk, "a\ud800b\udc00c\0d", "\udfff")
        assert [m.text for m in store.messages("ann", talk.id)] == ["a\ufffdb\ufffdc\ufffdd", "\ufffd"]

    def test_odd_keys_never_become_another_key(self, store):
        owners = ["a", "a\0", "a\ud800", "a\ufffd", "A", "a ", "", "é", "e\u0301"]
        made = {owner: store.create_conversation(owner).id for owner in owners}
        for owner, id in made.items():
            assert [c.id for c in store.conversations(owner)] == [id]
        for id in ("\ud800", "\0", "", "x" * 100_000, "%", "_" * 22):
            with pytest.raises(NotFound):
                store.conversation("a", id)


class TestSessions:
    def test_a_session_lives_until_its_end(self, store, monkeypatch):
        assert store.read_session("k") is None
        store.write_session("k", b"\x00one\xff", 60)
        store.write_session("k", b"two", 60)
        assert store.read_session("k") == b"two"
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 61)
        assert store.read_session("k") is None
        store.write_session("other", b"three", 60)
        monkeypatch.setattr(time, "time", lambda: now)
        assert store.read_session("k") is None  # gone for good, also when the clock jumps back

    def test_a_deleted_session_is_gone(self, store):
        store.write_session("k", b"one", 60)
        store.delete_session("k")
        store.delete_session("k")
        assert store.read_session("k") is None


class TestRequests:
    """What programs ask for beside a question, and messages by their ids."""

    def test_a_conversation_begins_with_messages(self, store):
        before = [
            Message(role="user", text="Hi", tokens=1, counted_by="echo", created_at=5.0),
            Message(role="assistant", text="Ho", id="old", number=9, status="stopped", usage=Usage(answer_tokens=1)),
        ]
        talk = store.create_conversation("ann", role="Be kind.", beginning=before)
        kept = store.messages("ann", talk.id)
        assert [m.number for m in kept] == [1, 2]
        assert "old" not in {m.id for m in kept}
        assert kept == [replace(m, id=k.id, number=k.number, parent=k.parent) for m, k in zip(before, kept, strict=True)]
        assert (kept[0].parent, kept[1].parent, talk.tip) == ("", kept[0].id, kept[1].id)
        assert ask(store, talk)[0].number == 3

    def test_a_message_is_found_in_its_conversation_only(self, store, talk):
        question, answer = ask(store, talk)
        assert store.message("ann", talk.id, answer.id) == answer
        other = store.create_conversation("ann")
        for conversation, message in ((other.id, answer.id), (talk.id, "nowhere"), (talk.id, "\ud800"), ("nowhere", question.id)):
            with pytest.raises(NotFound):
                store.message("ann", conversation, message)

    def test_a_request_is_kept_with_its_answer_and_goes_with_it(self, store, talk):
        question, answer = turn(store, talk)
        assert store.request("ann", talk.id, answer.id) is None
        for value in ({"model": "llama"}, {"metadata": {"a": "树"}, "temperature": 0.5, "text": None}):
            store.keep_request("ann", talk.id, answer.id, value)
            assert store.request("ann", talk.id, answer.id) == value
        store.delete_messages("ann", talk.id, [question.id, answer.id])
        for call in (store.request, store.message):
            with pytest.raises(NotFound):
                call("ann", talk.id, answer.id)
        with pytest.raises(NotFound):
            store.keep_request("ann", talk.id, answer.id, {})

    def test_a_running_answer_is_not_deleted(self, store, talk):
        question, answer = ask(store, talk)
        with pytest.raises(Conflict):
            store.delete_messages("ann", talk.id, [question.id, answer.id])
        assert len(store.messages("ann", talk.id)) == 2


class TestOwners:
    """Each call of the contract that names an owner, made by another owner."""

    CASES = {  # noqa: RUF012 - a table
        "conversation": lambda s, talk, answer, file: s.conversation("eve", talk.id),
        "change_conversation": lambda s, talk, answer, file: s.change_conversation("eve", talk.id, title="Eve's"),
        "delete_conversation": lambda s, talk, answer, file: s.delete_conversation("eve", talk.id, at_once=True),
        "restore_conversation": lambda s, talk, answer, file: s.restore_conversation("eve", talk.id),
        "messages": lambda s, talk, answer, file: s.messages("eve", talk.id),
        "tree": lambda s, talk, answer, file: s.tree("eve", talk.id),
        "versions": lambda s, talk, answer, file: s.versions("eve", talk.id, [answer.id]),
        "message": lambda s, talk, answer, file: s.message("eve", talk.id, answer.id),
        "held": lambda s, talk, answer, file: s.held("eve", talk.id),
        "change_message": lambda s, talk, answer, file: s.change_message("eve", talk.id, answer.id, pinned=True),
        "delete_messages": lambda s, talk, answer, file: s.delete_messages("eve", talk.id, [answer.id]),
        "keep_request": lambda s, talk, answer, file: s.keep_request("eve", talk.id, answer.id, {"model": "eve"}),
        "request": lambda s, talk, answer, file: s.request("eve", talk.id, answer.id),
        "begin_turn": lambda s, talk, answer, file: s.begin_turn("eve", talk.id, Message(role="user", text="Hi"), after=""),
        "begin_answer": lambda s, talk, answer, file: s.begin_answer("eve", talk.id, answer.parent),
        "resume_answer": lambda s, talk, answer, file: s.resume_answer("eve", talk.id, answer.id),
        "show": lambda s, talk, answer, file: s.show("eve", talk.id, answer.id),
        "save_answer": lambda s, talk, answer, file: s.save_answer("eve", talk.id, replace(answer, text="E", status="complete")),
        "save_counts": lambda s, talk, answer, file: s.save_counts("eve", talk.id, {answer.id: 666}, "eve"),
        "clear": lambda s, talk, answer, file: s.clear("eve", talk.id),
        "add_file": lambda s, talk, answer, file: s.add_file("eve", talk.id, FILE, "e", b"e"),
        "files": lambda s, talk, answer, file: s.files("eve", talk.id),
        "file_text": lambda s, talk, answer, file: s.file_text("eve", talk.id, file),
        "file_data": lambda s, talk, answer, file: s.file_data("eve", talk.id, file),
        "delete_file": lambda s, talk, answer, file: s.delete_file("eve", talk.id, file),
        "share": lambda s, talk, answer, file: s.share("eve", talk.id),
        "shared": lambda s, talk, answer, file: s.shared("eve", talk.id),
        "unshare": lambda s, talk, answer, file: s.unshare("eve", talk.id),
        "conversations": None,  # answers with nothing, see below
        "count": None,  # with a number (test_they_are_counted)
        "hand_over": None,  # takes all that the owner has, whatever it is (test_store_handing.py)
        "create_conversation": None,  # these two make the owner's own
        "add_conversation": None,
    }
    # `owner` is what it asks for: only doors that are open to this machine alone do (test_joining.py). A share's token is the
    # right to read it.
    NO_OWNER = frozenset({
        "owner", "fail_interrupted", "read_session", "write_session", "delete_session", "check", "close", "purge", "read_share",
        "records", "take", "verify", "entry", "entries", "put_entry", "delete_entry", "add_up",
    })

    def test_every_call_has_a_case(self):
        calls = {name for name, call in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
        with_owner = {name for name in calls if list(inspect.signature(getattr(Store, name)).parameters)[1:2] == ["owner"]}
        assert with_owner == set(self.CASES)
        assert calls - with_owner == self.NO_OWNER

    @pytest.mark.parametrize("running", [False, True])
    def test_another_owner_finds_and_changes_nothing(self, store, talk, running):
        eves = store.create_conversation("eve")
        turn(store, talk)
        file = store.add_file("ann", talk.id, FILE, "a", b"a")
        store.share("ann", talk.id)
        answer = ask(store, talk)[1] if running else turn(store, talk)[1]

        def state():
            return (store.conversation("ann", talk.id), store.tree("ann", talk.id), store.files("ann", talk.id),
                    store.shared("ann", talk.id), store.conversation("eve", eves.id), store.tree("eve", eves.id))

        before = state()
        for name, case in self.CASES.items():
            if case:
                with pytest.raises(NotFound) as others:
                    case(store, talk, answer, file.id)
                assert state() == before, name
                with pytest.raises(NotFound) as nobodys:
                    case(store, replace(talk, id="nowhere"), answer, file.id)
                assert str(others.value) == str(nobodys.value), name

    def test_a_message_of_another_conversation_is_out_of_reach(self, store, talk):
        _, answer = ask(store, talk)
        eves = store.create_conversation("eve")
        with pytest.raises(NotFound):
            store.save_answer("eve", eves.id, replace(answer, text="Eve's", status="complete"))
        store.save_counts("eve", eves.id, {answer.id: 666}, "eve")
        assert store.messages("ann", talk.id)[-1] == answer

    def test_the_owner_of_an_id_is_told_and_an_unknown_id_is_nobodys(self, store, talk):
        assert store.owner(talk.id) == "ann"
        assert store.owner(store.create_conversation("eve").id) == "eve"
        for unknown in ("nowhere", "", talk.id.swapcase(), "%", "a\0", "\ud800"):
            with pytest.raises(NotFound) as refused:
                store.owner(unknown)
            with pytest.raises(NotFound) as others:
                store.conversation("eve", talk.id)
            assert str(refused.value) == str(others.value)

    def test_the_list_is_the_owners(self, store, talk):
        turn(store, talk)
        assert store.conversations("eve") == store.conversations("eve", search="trees") == []
        assert len(store.conversations("ann", search="trees")) == 1


def test_check_passes_where_it_can_write(store):
    store.check()
