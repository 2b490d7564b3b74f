"""What every store does with branches: versions, the branch that is shown, marks, pins, deleted messages, copies."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.store.turning import again, ask, ended, marks, texts, turn
from webbot.errors import BadInput, Conflict, NotFound
from webbot.messages import Conversation, Message


def ids(messages):
    return [message.id for message in messages]


class TestBranches:
    def test_what_follows_the_tip_is_one_branch(self, store, talk):
        said = [*turn(store, talk, "1"), *turn(store, talk, "2")]
        assert [m.parent for m in said] == ["", *ids(said)[:3]]
        assert store.messages("ann", talk.id) == store.tree("ann", talk.id) == said
        assert store.conversation("ann", talk.id).tip == said[-1].id
        assert store.versions("ann", talk.id, ids(said)) == {}

    def test_an_edited_question_is_a_version_beside_the_old_one(self, store, talk):
        first, old = turn(store, talk, "1", "one"), turn(store, talk, "2", "two")
        new = turn(store, talk, "2b", "two b", after=first[1].id)
        assert new[0].number > old[1].number
        assert texts(store, talk) == ["1", "one", "2b", "two b"]
        assert store.tree("ann", talk.id) == [*first, *old, *new]
        both = [old[0].id, new[0].id]
        assert store.versions("ann", talk.id, [*ids(first), *ids(old), *ids(new), "nowhere"]) == dict.fromkeys(both, both)
        assert store.message("ann", talk.id, old[1].id) == old[1]

    def test_another_first_question(self, store, talk):
        old, new = turn(store, talk, "1"), turn(store, talk, "1b", after="")
        assert store.messages("ann", talk.id) == list(new)
        assert store.versions("ann", talk.id, [old[0].id]) == {old[0].id: [old[0].id, new[0].id]}

    def test_another_answer_is_a_version_beside_the_old_one(self, store, talk):
        question, old = turn(store, talk, "1", "one")
        turn(store, talk, "2")
        asked, begun = store.begin_answer("ann", talk.id, question.id)
        assert asked == question
        assert (begun.role, begun.text, begun.status, begun.parent) == ("assistant", "", "streaming", question.id)
        assert store.messages("ann", talk.id) == [question, begun]
        new = ended(store, talk, begun, "one b")
        assert texts(store, talk) == ["1", "one b"]
        assert store.versions("ann", talk.id, [new.id]) == {new.id: [old.id, new.id]}
        for wrong in (old.id, "nowhere", ""):
            with pytest.raises(NotFound):
                store.begin_answer("ann", talk.id, wrong)

    def test_a_branch_is_shown_through_to_its_newest_message(self, store, talk):
        first = turn(store, talk, "1")
        second = turn(store, talk, "2")
        third = turn(store, talk, "3", after=first[1].id)
        fourth = turn(store, talk, "4")
        about = store.conversation("ann", talk.id)
        other = store.create_conversation("ann", title="Newer")
        shown = store.show("ann", talk.id, second[0].id)
        assert store.messages("ann", talk.id) == [*first, *second]
        assert shown == store.conversation("ann", talk.id)
        assert shown == replace(about, tip=second[1].id, version=shown.version)
        assert shown.version > about.version
        assert [c.id for c in store.conversations("ann")] == [other.id, talk.id]  # it stays in its place
        store.show("ann", talk.id, first[0].id)
        assert store.messages("ann", talk.id) == [*first, *third, *fourth]
        store.show("ann", talk.id, third[1].id)
        assert store.messages("ann", talk.id, start=third[0].number, before=fourth[1].number) == [*third, fourth[0]]
        assert store.messages("ann", talk.id, before=fourth[0].number, limit=3) == [first[1], *third]
        with pytest.raises(NotFound):
            store.show("ann", talk.id, "nowhere")

    def test_what_a_question_follows_must_be_there(self, store, talk):
        turn(store, talk)
        elsewhere = turn(store, store.create_conversation("ann"))
        before = store.tree("ann", talk.id)
        for wrong in ("nowhere", elsewhere[1].id):
            with pytest.raises(NotFound):
                ask(store, talk, after=wrong)
        assert store.tree("ann", talk.id) == before


class TestGoingOn:
    def test_the_last_answer_is_gone_on_with(self, store, talk):
        question, answer = ask(store, talk)
        answer = replace(answer, text="A pl", status="failed", error="It broke.")
        store.save_answer("ann", talk.id, answer)
        asked, resumed = store.resume_answer("ann", talk.id, answer.id)
        assert asked == question
        assert resumed == replace(answer, status="streaming", error="") == store.messages("ann", talk.id)[-1]
        with pytest.raises(Conflict):
            ask(store, talk)
        store.save_answer("ann", talk.id, replace(resumed, text="A plant"))
        ended(store, talk, resumed, "A plant.")
        assert texts(store, talk) == ["What is a tree?", "A plant."]

    def test_only_the_tip_is_gone_on_with(self, store, talk):
        question, answer = turn(store, talk)
        turn(store, talk)
        for wrong in (answer.id, question.id):
            with pytest.raises(Conflict):
                store.resume_answer("ann", talk.id, wrong)
        with pytest.raises(NotFound):
            store.resume_answer("ann", talk.id, "nowhere")
        assert {m.status for m in store.tree("ann", talk.id)} == {"complete"}


class TestMarks:
    def test_each_branch_keeps_what_it_forgot(self, store, talk):
        first = turn(store, talk, "1")
        assert marks(store, talk) == (0, "")
        store.change_conversation("ann", talk.id, remembers_from=2, cut_for="echo")
        second = turn(store, talk, "2")
        assert (second[1].remembers_from, second[1].cut_for) == (2, "echo")
        store.change_conversation("ann", talk.id, remembers_from=3, cut_for="llama")
        third = turn(store, talk, "3", after=first[1].id)
        assert marks(store, talk) == (third[1].remembers_from, third[1].cut_for) == (2, "echo")
        store.show("ann", talk.id, second[0].id)
        assert marks(store, talk) == (3, "llama")
        turn(store, talk, "1b", after="")
        assert marks(store, talk) == (0, "")
        kept = {m.text: (m.remembers_from, m.cut_for) for m in store.tree("ann", talk.id) if m.role == "user" or m.id != ""}
        assert kept["1"] == (0, "")
        assert [(m.remembers_from, m.cut_for) for m in store.tree("ann", talk.id) if m.role == "assistant"] == [
            (2, "echo"), (3, "llama"), (2, "echo"), (0, "")]

    def test_another_answer_takes_them_from_the_answer_before_its_question(self, store, talk):
        turn(store, talk, "1")
        store.change_conversation("ann", talk.id, remembers_from=1, cut_for="echo")
        question, _ = turn(store, talk, "2")
        store.change_conversation("ann", talk.id, remembers_from=4, cut_for="llama")
        answer = again(store, talk, question)
        assert (answer.remembers_from, answer.cut_for) == (1, "echo") == marks(store, talk)

    def test_one_of_the_two_is_changed_alone(self, store, talk):
        turn(store, talk)
        store.change_conversation("ann", talk.id, remembers_from=1, cut_for="echo")
        store.change_conversation("ann", talk.id, remembers_from=2)
        assert marks(store, talk) == (2, "echo")
        assert store.messages("ann", talk.id)[-1].cut_for == "echo"


class TestPins:
    def test_the_whole_turn_of_a_pinned_message_is_held(self, store, talk):
        one, two, three = turn(store, talk, "1"), turn(store, talk, "2"), turn(store, talk, "3")
        assert store.held("ann", talk.id) == []
        pinned = store.change_message("ann", talk.id, three[0].id, pinned=True)
        assert pinned == replace(three[0], pinned=True) == store.message("ann", talk.id, three[0].id)
        store.change_message("ann", talk.id, one[1].id, pinned=True)
        assert ids(store.held("ann", talk.id)) == ids([*one, *three])
        assert [m.pinned for m in store.held("ann", talk.id)] == [False, True, True, False]
        turn(store, talk, "2b", after=one[1].id)
        assert ids(store.held("ann", talk.id)) == ids(one)  # the branch that is shown
        store.change_message("ann", talk.id, one[1].id, pinned=False)
        assert store.held("ann", talk.id) == []
        store.show("ann", talk.id, two[0].id)
        assert ids(store.held("ann", talk.id)) == ids(three)

    def test_a_question_that_is_pinned_is_held_with_the_answer_that_is_shown(self, store, talk):
        question, old = turn(store, talk)
        store.change_message("ann", talk.id, question.id, pinned=True)
        new = again(store, talk, question)
        assert ids(store.held("ann", talk.id)) == [question.id, new.id]
        store.show("ann", talk.id, old.id)
        assert ids(store.held("ann", talk.id)) == [question.id, old.id]

    def test_feedback_is_for_answers(self, store, talk):
        question, answer = turn(store, talk)
        before = store.conversation("ann", talk.id)
        for feedback in ("up", "down", ""):
            store.change_message("ann", talk.id, answer.id, feedback=feedback)
            assert store.messages("ann", talk.id) == [question, replace(answer, feedback=feedback)]
        after = store.conversation("ann", talk.id)
        assert after == replace(before, version=before.version + 3)
        for message, feedback in ((question.id, "up"), (answer.id, "great")):
            with pytest.raises(BadInput):
                store.change_message("ann", talk.id, message, feedback=feedback)
        with pytest.raises(NotFound):
            store.change_message("ann", talk.id, "nowhere", pinned=True)


class TestDeletedMessages:
    def test_what_followed_follows_what_was_before(self, store, talk):
        first, second, third = (turn(store, talk, str(n)) for n in (1, 2, 3))
        store.change_conversation("ann", talk.id, remembers_from=5, cut_for="echo")
        store.delete_messages("ann", talk.id, [*ids(second), "nowhere"])
        assert store.tree("ann", talk.id) == store.messages("ann", talk.id) == [
            *first, replace(third[0], parent=first[1].id), replace(third[1], remembers_from=5, cut_for="echo")]
        assert marks(store, talk) == (5, "echo")

    def test_without_its_tip_the_branch_goes_on_to_the_newest(self, store, talk):
        first, second = turn(store, talk, "1"), turn(store, talk, "2")
        third = turn(store, talk, "2b", after=first[1].id)
        store.delete_messages("ann", talk.id, ids(third))
        assert store.messages("ann", talk.id) == [*first, *second]
        store.delete_messages("ann", talk.id, ids(second))
        assert store.messages("ann", talk.id) == list(first)
        store.delete_messages("ann", talk.id, ids(first))
        assert store.conversation("ann", talk.id).tip == ""
        assert turn(store, talk)[0].parent == ""

    def test_the_marks_are_those_of_the_newest_answer_that_is_left(self, store, talk):
        turn(store, talk, "1")
        last = turn(store, talk, "2")
        store.change_conversation("ann", talk.id, remembers_from=3, cut_for="echo")
        store.delete_messages("ann", talk.id, ids(last))
        assert marks(store, talk) == (0, "")

    def test_versions_of_what_followed_stay_versions(self, store, talk):
        question, answer = turn(store, talk, "1")
        another = again(store, talk, question)
        store.delete_messages("ann", talk.id, [question.id])
        both = [answer.id, another.id]
        assert store.versions("ann", talk.id, [another.id]) == {another.id: both}
        assert ids(store.messages("ann", talk.id)) == [another.id]
        assert store.verify() == []

    def test_a_share_ends_with_what_is_left_of_it(self, store, talk):
        first, second = turn(store, talk, "1"), turn(store, talk, "2")
        share = store.share("ann", talk.id)
        store.delete_messages("ann", talk.id, ids(second))
        assert store.read_share(share.token)[1] == list(first)
        store.delete_messages("ann", talk.id, ids(first))
        with pytest.raises(NotFound):
            store.read_share(share.token)
        assert store.shared("ann", talk.id) is None


class TestFromElsewhere:
    ABOUT = Conversation(
        id="old", owner="bob", title="Oaks", titled_by="person", role="Be kind.", pinned=True, speaks=True, markup="textile",
        model="llama", tip="b2", remembers_from=7, cut_for="echo", version=9, created_at=5.0, updated_at=6.5,
    )

    @staticmethod
    def said(id, parent, number, role, **more):
        return Message(id=id, parent=parent, number=number, role=role, text=f"text {id}", created_at=float(number), **more)

    def messages(self):
        return [
            self.said("q1", "", 3, "user", pinned=True), self.said("a1", "q1", 4, "assistant", feedback="up", remembers_from=3),
            self.said("q2", "a1", 5, "user"), self.said("a2", "q2", 6, "assistant", remembers_from=5, cut_for="echo"),
            self.said("b1", "a1", 9, "user"),
            self.said("b2", "b1", 10, "assistant", status="streaming", remembers_from=9, cut_for="llama"),
        ]

    def test_it_comes_with_all_branches(self, store):
        store.create_conversation("ann", title="Before")
        made = store.add_conversation("ann", self.ABOUT, self.messages())
        tree = store.tree("ann", made.id)
        new = dict(zip(["q1", "a1", "q2", "a2", "b1", "b2"], ids(tree), strict=True)) | {"": ""}
        assert not set(new) & (set(new.values()) - {""})
        assert made == replace(self.ABOUT, id=made.id, owner="ann", tip=new["b2"], version=made.version, remembers_from=5,
                               cut_for="llama")
        numbers = {0: 0, 3: 1, 5: 3, 9: 5}
        assert tree == [
            replace(m, id=new[m.id], parent=new[m.parent], number=n, status=m.status.replace("streaming", "stopped"),
                    remembers_from=numbers[m.remembers_from])
            for n, m in enumerate(self.messages(), start=1)
        ]
        assert ids(store.messages("ann", made.id)) == [new[id] for id in ("q1", "a1", "b1", "b2")]
        assert store.conversations("ann", search="oak")[0] == made
        if store.searches_texts:
            assert store.conversations("ann", search="text a2")[0] == made
        assert turn(store, made)[0].number == 7
        assert store.verify() == []

    def add(self, store, updated_at, *, pinned=False):
        return store.add_conversation("ann", replace(self.ABOUT, pinned=pinned, title="", updated_at=updated_at), [])

    def test_an_older_one_stands_below_all_and_a_newer_one_above(self, store):
        own = store.create_conversation("ann")
        old, same, oldest = self.add(store, 6.5), self.add(store, 6.5), self.add(store, 5.0)
        newer = self.add(store, 5.5)
        assert ids(store.conversations("ann")) == ids([newer, own, old, same, oldest])
        assert old.tip == "" and store.messages("ann", old.id) == []
        last = self.add(store, 4.0)
        store.change_conversation("ann", oldest.id, title="changed")
        assert ids(store.conversations("ann")) == ids([oldest, newer, own, old, same, last])
        assert store.verify() == []

    def test_pinned_ones_from_elsewhere_are_a_list_of_their_own(self, store):
        own = store.create_conversation("ann")
        newer, older = self.add(store, 9.0, pinned=True), self.add(store, 8.0, pinned=True)
        below, above = self.add(store, 2.0), self.add(store, 3.0)
        lowest = self.add(store, 1.0, pinned=True)
        order = [newer, older, lowest, above, own, below]
        assert ids(store.conversations("ann")) == ids(order)
        for one in (lowest, below):
            store.delete_conversation("ann", one.id)
        assert self.add(store, 2.5).id == store.conversations("ann")[-1].id, "what is deleted counts no more"
        for one in (lowest, below):
            store.restore_conversation("ann", one.id)
        assert [id for id in ids(store.conversations("ann")) if id in ids(order)] == ids(order)
        store.change_conversation("ann", lowest.id, pinned=False)
        assert store.conversations("ann")[2].id == lowest.id
        assert store.verify() == []

    @pytest.mark.parametrize("order", [(1, 0), (0, 3), (0, 0)])
    def test_parents_come_first(self, store, order):
        messages = self.messages()
        with pytest.raises(BadInput):
            store.add_conversation("ann", self.ABOUT, [messages[n] for n in order])
        assert store.conversations("ann") == []

    def test_files_come_along(self, store):
        from webbot.messages import File

        file = File(id="f", name="a.md", media_type="text/markdown", size=3, tokens=2, counted_by="echo", created_at=7.0)
        made = store.add_conversation("ann", self.ABOUT, [], [(file, "Abc", b"abc"), (replace(file, name="b"), "", b"\0\xff")])
        first, second = store.files("ann", made.id)
        assert (first, second) == (replace(file, id=first.id), replace(file, id=second.id, name="b"))
        assert first.id not in ("f", second.id)
        assert (store.file_text("ann", made.id, first.id), store.file_data("ann", made.id, second.id)) == ("Abc", b"\0\xff")

    def test_a_tip_that_is_not_there_shows_the_newest(self, store):
        made = store.add_conversation("ann", replace(self.ABOUT, tip="gone"), self.messages()[:4])
        assert len(store.messages("ann", made.id)) == 4

    def test_a_tip_with_something_behind_it_shows_that_too(self, store):
        made = store.add_conversation("ann", replace(self.ABOUT, tip="q1"), self.messages()[:4])
        assert len(store.messages("ann", made.id)) == 4


def test_a_beginning_is_one_branch_whatever_it_was(store):
    said = [
        Message(role="user", text="1", id="x", parent="y", number=40, created_at=time.time(), pinned=True),
        Message(role="assistant", text="2", id="x", parent="z", number=41, remembers_from=40, cut_for="echo", status="streaming"),
    ]
    talk = store.create_conversation("ann", beginning=said)
    kept = store.messages("ann", talk.id)
    assert [(m.number, m.parent, m.pinned, m.status) for m in kept] == [
        (1, "", True, "complete"), (2, kept[0].id, False, "stopped")]
    assert marks(store, talk) == (1, "echo")
    assert store.verify() == []
