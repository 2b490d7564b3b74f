"""Two tabs with a connection each, any order of calls, against plain Python that keeps what should be known.

STATES=500 in the environment tries more orders than the usual run does.
"""

from __future__ import annotations

import itertools
import os
import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.store.known import Talk
from tests.store.stores import STORES
from webbot.errors import Conflict, NotFound
from webbot.messages import File, Message
from webbot.store.base import Entry

ORDERS, STEPS = int(os.environ.get("STATES", "6")), 40
MOST_TALKS = 3
TEXT = st.text(max_size=20).map(lambda text: text.replace("\0", ""))
TABS, PICK = st.integers(0, 1), st.integers(0, 1000)
END = st.sampled_from(["complete", "complete", "complete", "stopped", ""])  # how an answer ends at once, if it does
owners = itertools.count()


class StoreMachine(RuleBasedStateMachine):
    """Each order of calls has an owner of its own, so that all of them may share a store."""

    def __init__(self, tabs):
        super().__init__()
        self.tabs = tabs
        self.owner = self.kind = f"owner {next(owners)} {random.random()}"
        self.talks: dict[str, Talk] = {}
        self.entries: dict[str, Entry] = {}
        self.seen_entries: dict[tuple[int, str], Entry] = {}
        self.seen: dict[tuple[int, str], int] = {}  # the version that a tab has read
        self.touched: Talk | None = None
        self.steps = 0

    # choosing

    def talk(self, pick: int, *, deleted: bool = False) -> Talk | None:
        """One of the conversations; the one that was touched last is chosen most often."""
        known = [talk for talk in self.talks.values() if talk.deleted == deleted]
        if not known:
            return None
        self.touched = self.touched if pick % 3 and self.touched in known else known[pick % len(known)]
        return self.touched

    def message(self, talk: Talk, pick: int, *roles: str) -> Message | None:
        known = [message for message in talk.tree() if not roles or message.role in roles]
        return known[pick % len(known)] if known else None

    def much(self) -> bool:
        """Whether there is something to lose: what empties or refuses everything would else be most of what is done."""
        return self.touched is not None and len(self.touched.messages) > 6

    def refused(self, problem, act):
        with pytest.raises(problem):
            act()

    # conversations

    @initialize()
    def begin(self):
        self.create(0, "The first one")
        self.ask(0, self.touched, "What is a plant?", None, "complete")

    @precondition(lambda self: len(self.talks) < MOST_TALKS)
    @rule(tab=TABS, title=TEXT)
    def create(self, tab, title):
        made = self.tabs[tab].create_conversation(self.owner, title=title)
        self.touched = self.talks[made.id] = Talk(made.id, self.owner, title)

    @rule(tab=TABS, pick=PICK)
    def read(self, tab, pick):
        if talk := self.talk(pick):
            self.seen[tab, talk.id] = self.tabs[tab].conversation(self.owner, talk.id).version

    @rule(tab=TABS, pick=PICK, title=TEXT, pinned=st.booleans())
    def rename_what_was_seen(self, tab, pick, title, pinned):
        talk = self.talk(pick)
        if talk is None or (tab, talk.id) not in self.seen:
            return
        version = self.seen[tab, talk.id]
        changes = {"title": title, "titled_by": "person", "pinned": pinned}
        if version != talk.version:
            self.refused(Conflict, lambda: self.tabs[tab].change_conversation(
                self.owner, talk.id, only_version=version, **changes))
            return
        changed = self.tabs[tab].change_conversation(self.owner, talk.id, only_version=version, **changes)
        assert changed.version == version + 1
        talk.title, talk.pinned = title, pinned
        self.seen[tab, talk.id] = changed.version

    @rule(tab=TABS, pick=PICK, at=PICK, cut_for=st.sampled_from(["echo", "llama"]))
    def forget(self, tab, pick, at, cut_for):
        talk = self.talk(pick)
        if talk is None or talk.last_answer() is None:
            return
        number = talk.branch()[at % len(talk.branch())].number
        self.tabs[tab].change_conversation(self.owner, talk.id, remembers_from=number, cut_for=cut_for)
        talk.mark(number, cut_for)

    @precondition(lambda self: self.much())
    @rule(tab=TABS, pick=PICK, seen=st.booleans())
    def delete(self, tab, pick, seen):
        talk = self.talk(pick)
        if talk is None:
            return
        version = self.seen.get((tab, talk.id)) if seen else None
        if version not in (None, talk.version):
            self.refused(Conflict, lambda: self.tabs[tab].delete_conversation(self.owner, talk.id, only_version=version))
            return
        self.tabs[tab].delete_conversation(self.owner, talk.id, only_version=version)
        talk.deleted = True
        if answer := talk.streaming():  # an answer ends with its conversation; the store says how
            talk.unsure = answer.id

    @rule(tab=TABS, pick=PICK)
    def undo(self, tab, pick):
        if talk := self.talk(pick, deleted=True):
            self.restore(tab, talk)

    def restore(self, tab, talk):
        self.tabs[tab].restore_conversation(self.owner, talk.id)
        talk.deleted = False
        if talk.unsure:
            answer = self.tabs[tab].message(self.owner, talk.id, talk.unsure)
            assert answer.status in ("stopped", "failed", "streaming")
            talk.change(answer.id, status=answer.status, error=answer.error)
            talk.unsure = ""

    @precondition(lambda self: self.much())
    @rule(tab=TABS, pick=PICK)
    def clear(self, tab, pick):
        if talk := self.talk(pick):
            self.tabs[tab].clear(self.owner, talk.id)
            talk.clear()

    # turns

    @rule(tab=TABS, pick=PICK, text=TEXT, end=END)
    def send(self, tab, pick, text, end):
        self.ask(tab, self.talk(pick), text, None, end)

    @rule(tab=TABS, pick=PICK, at=PICK, text=TEXT, end=END)
    def edit(self, tab, pick, at, text, end):
        """Another version of a question: it follows what the question follows."""
        talk = self.talk(pick)
        if talk is not None and (question := self.message(talk, at, "user")):
            self.ask(tab, talk, text, question.parent, end)

    def ask(self, tab, talk, text, after, end):
        if talk is None:
            return
        begin = lambda: self.tabs[tab].begin_turn(  # noqa: E731
            self.owner, talk.id, Message(role="user", text=text), after=after)
        if talk.streaming():
            self.refused(Conflict, begin)
            return
        question, answer = begin()
        assert (question.text, question.parent) == (text, talk.tip if after is None else after)
        talk.begun(question, answer)
        self.end(tab, talk, answer.id, end)

    def end(self, tab, talk, answer, status, text="That is so."):
        if status:
            changes = {"text": text, "status": status, "error": "Why." if status == "failed" else ""}
            self.tabs[tab].save_answer(self.owner, talk.id, Message(role="assistant", id=answer, **changes))
            talk.change(answer, **changes, tokens=None, counted_by="", usage=None)

    @rule(tab=TABS, pick=PICK, at=PICK, end=END)
    def again(self, tab, pick, at, end):
        talk = self.talk(pick)
        if talk is None or not (asked := self.message(talk, at, "user")):
            return
        begin = lambda: self.tabs[tab].begin_answer(self.owner, talk.id, asked.id)  # noqa: E731
        if talk.streaming():
            self.refused(Conflict, begin)
            return
        question, answer = begin()
        assert question == asked
        talk.begun(question, answer)
        self.end(tab, talk, answer.id, end)

    @rule(tab=TABS, pick=PICK, at=PICK, end=END, tip=st.booleans())
    def go_on(self, tab, pick, at, end, tip):
        talk = self.talk(pick)
        if talk is None or not (answer := talk.last_answer() if tip else self.message(talk, at, "assistant")):
            return
        resume = lambda: self.tabs[tab].resume_answer(self.owner, talk.id, answer.id)  # noqa: E731
        if talk.streaming() or answer.id != talk.tip:
            self.refused(Conflict, resume)
            return
        question, resumed = resume()
        assert (question.id, resumed.id, resumed.text, resumed.status) == (answer.parent, answer.id, answer.text, "streaming")
        talk.messages[answer.id] = resumed
        self.end(tab, talk, answer.id, end)

    @rule(tab=TABS, pick=PICK, text=TEXT, status=st.sampled_from(["streaming", "complete", "complete", "stopped", "failed"]))
    def write(self, tab, pick, text, status):
        """The answer grows, ends, is stopped or fails."""
        talk = self.talk(pick)
        if talk is None:
            return
        writing = talk.streaming() or talk.last_answer()
        if writing is None:
            nobodys = Message(role="assistant", text=text, id="none", status=status)
            self.refused(NotFound, lambda: self.tabs[tab].save_answer(self.owner, talk.id, nobodys))
            return
        written = Message(role="assistant", id=writing.id, text=text, status=status)
        if status == "streaming" and writing.status != "streaming" and text != writing.text:
            self.refused(Conflict, lambda: self.tabs[tab].save_answer(self.owner, talk.id, written))
        elif status != "streaming" or writing.status == "streaming":
            self.end(tab, talk, writing.id, status, text)

    @rule(tab=TABS, pick=PICK, at=PICK)
    def show(self, tab, pick, at):
        talk = self.talk(pick)
        if talk is None or not (message := self.message(talk, at)):
            return
        if talk.streaming():
            self.refused(Conflict, lambda: self.tabs[tab].show(self.owner, talk.id, message.id))
            return
        self.tabs[tab].show(self.owner, talk.id, message.id)
        talk.show(talk.newest_behind(message.id))

    @rule(tab=TABS, pick=PICK, at=PICK, pinned=st.booleans())
    def pin(self, tab, pick, at, pinned):
        talk = self.talk(pick)
        if talk is not None and (message := self.message(talk, at)):
            self.tabs[tab].change_message(self.owner, talk.id, message.id, pinned=pinned)
            talk.change(message.id, pinned=pinned)

    @rule(tab=TABS, pick=PICK, at=PICK, feedback=st.sampled_from(["", "up", "down"]))
    def judge(self, tab, pick, at, feedback):
        talk = self.talk(pick)
        if talk is not None and (answer := self.message(talk, at, "assistant")):
            self.tabs[tab].change_message(self.owner, talk.id, answer.id, feedback=feedback)
            talk.change(answer.id, feedback=feedback)

    @precondition(lambda self: self.much())
    @rule(tab=TABS, pick=PICK, ids=st.sets(PICK, min_size=1, max_size=3))
    def delete_messages(self, tab, pick, ids):
        talk = self.talk(pick)
        if talk is None or not talk.messages:
            return
        chosen = {self.message(talk, at).id for at in ids}
        remove = lambda: self.tabs[tab].delete_messages(self.owner, talk.id, [*chosen, "nowhere"])  # noqa: E731
        if any(talk.messages[id].status == "streaming" for id in chosen):
            self.refused(Conflict, remove)
            return
        remove()
        talk.remove(chosen)
        if talk.token and set(talk.shared) & chosen:
            talk.token = ""
        about = self.tabs[tab].conversation(self.owner, talk.id)
        assert not talk.tip or talk.tip in {message.id for message in talk.branch(about.tip)}, "the branch that was shown stays"
        talk.tip, talk.marks = about.tip, (about.remembers_from, about.cut_for)

    # files and shares

    @rule(tab=TABS, pick=PICK, data=st.binary(max_size=50))
    def attach(self, tab, pick, data):
        if talk := self.talk(pick):
            file = self.tabs[tab].add_file(
                self.owner, talk.id, File(name="a.txt", media_type="text/plain", size=len(data)), "text", data)
            talk.files[file.id] = data

    @rule(tab=TABS, pick=PICK, at=PICK)
    def detach(self, tab, pick, at):
        talk = self.talk(pick)
        if talk is not None and talk.files:
            gone = sorted(talk.files)[at % len(talk.files)]
            self.tabs[tab].delete_file(self.owner, talk.id, gone)
            del talk.files[gone]

    @rule(tab=TABS, pick=PICK)
    def share(self, tab, pick):
        talk = self.talk(pick)
        if talk is None or not talk.messages:
            return
        if talk.streaming():
            self.refused(Conflict, lambda: self.tabs[tab].share(self.owner, talk.id))
            return
        before, talk.token = talk.token, self.tabs[tab].share(self.owner, talk.id).token
        talk.shared = tuple(message.id for message in talk.branch())
        if before:
            assert before != talk.token
            self.refused(NotFound, lambda: self.tabs[tab].read_share(before))

    @rule(tab=TABS, pick=PICK)
    def unshare(self, tab, pick):
        if talk := self.talk(pick):
            self.tabs[tab].unshare(self.owner, talk.id)
            if talk.token:
                self.refused(NotFound, lambda: self.tabs[tab].read_share(talk.token))
            talk.token = ""

    # others

    @precondition(lambda self: self.much())
    @rule(tab=TABS, pick=PICK, at=PICK)
    def a_stranger_finds_nothing(self, tab, pick, at):
        talk, store = self.talk(pick), self.tabs[tab]
        if talk is None:
            return
        message = self.message(talk, at)
        id = message.id if message else "none"
        for act in (
            lambda: store.begin_turn("eve", talk.id, Message(role="user", text="Hm")), lambda: store.show("eve", talk.id, id),
            lambda: store.delete_conversation("eve", talk.id), lambda: store.restore_conversation("eve", talk.id),
            lambda: store.change_message("eve", talk.id, id, pinned=True), lambda: store.tree("eve", talk.id),
        ):
            self.refused(NotFound, act)

    @precondition(lambda self: self.much())
    @rule(tab=TABS, spared=st.booleans(), pick=PICK)
    def the_server_starts_again(self, tab, spared, pick):
        talk = self.talk(pick)
        kept = {talk.id} if spared and talk else set()
        self.tabs[tab].fail_interrupted("It stopped.", running=kept)
        for other in self.talks.values():
            answer = other.streaming()
            if answer and other.id not in kept and not other.deleted:
                other.change(answer.id, status="failed", error="It stopped.")

    @precondition(lambda self: self.much())
    @rule(tab=TABS)
    def they_change_hands(self, tab):
        old, self.owner = self.owner, f"owner {next(owners)} {random.random()}"
        assert self.tabs[tab].hand_over(old, self.owner) == len(self.talks)
        assert list(self.tabs[tab].conversations(old)) == []
        for talk in self.talks.values():
            talk.owner, talk.version = self.owner, talk.version + 1
            if not talk.deleted and (answer := talk.streaming()):
                talk.change(answer.id, status="stopped")

    # entries

    @rule(tab=TABS, id=st.sampled_from("ab"), look=st.booleans(), value=st.dictionaries(TEXT, TEXT, max_size=2))
    def put(self, tab, id, look, value):
        """What a tab has seen is changed, what it has not seen is made: where it saw what is there now."""
        known = self.entries.get(id)
        if look:
            self.seen_entries[tab, id] = self.tabs[tab].entry(self.kind, id)
        seen = self.seen_entries.get((tab, id)) or Entry(kind=self.kind, id=id, owner=id)
        put = lambda: self.tabs[tab].put_entry(replace(seen, value=value))  # noqa: E731
        if seen.version != (known.version if known else 0):
            self.refused(Conflict, put)
            return
        self.entries[id] = self.seen_entries[tab, id] = put()
        assert (self.entries[id].version, self.entries[id].value) == (seen.version + 1, value)

    @rule(tab=TABS, id=st.sampled_from("ab"))
    def drop(self, tab, id):
        assert self.tabs[tab].delete_entry(self.kind, id) == (self.entries.pop(id, None) is not None)

    # what holds after every step

    @invariant()
    def all_is_as_it_should_be(self):
        self.steps += 1
        if self.touched is not None and self.touched.id in self.talks:
            self.check(self.touched, all_of_it=self.steps % 4 == 0)
        if self.steps % 4 == 1:
            self.check_list()
            store = self.tabs[self.steps % 2]
            made = sorted(self.entries.values(), key=lambda entry: entry.created_at)
            assert list(store.entries(self.kind)) == made
            assert [entry for id in "ab" for entry in store.entries(self.kind, id)] == sorted(made, key=lambda entry: entry.id)

    def check_list(self):
        listed = self.tabs[0].conversations(self.owner)
        assert {one.id for one in listed} == {talk.id for talk in self.talks.values() if not talk.deleted}
        keys = [(not one.pinned, -one.updated_at) for one in listed]
        assert keys == sorted(keys)

    def check(self, talk, *, all_of_it=True):
        store = self.tabs[self.steps % 2]
        if talk.deleted:
            self.refused(NotFound, lambda: store.conversation(self.owner, talk.id))
            self.refused(NotFound, lambda: store.messages(self.owner, talk.id))
            return
        about = store.conversation(self.owner, talk.id)
        assert (about.title, about.pinned, about.tip) == (talk.title, talk.pinned, talk.tip)
        assert (about.remembers_from, about.cut_for) == talk.marks
        assert about.version >= talk.version, "versions only grow"
        talk.version = about.version
        assert store.tree(self.owner, talk.id) == talk.tree()
        shown = store.messages(self.owner, talk.id)
        assert shown == talk.branch()
        assert len([message for message in talk.messages.values() if message.status == "streaming"]) <= 1
        if not all_of_it:
            return
        assert store.versions(self.owner, talk.id, list(talk.messages)) == talk.versions()
        assert [message.id for message in store.held(self.owner, talk.id)] == talk.held()
        assert {file.id for file in store.files(self.owner, talk.id)} == set(talk.files)
        found = store.shared(self.owner, talk.id)
        if talk.token:
            assert found.token == talk.token
            assert tuple(message.id for message in store.read_share(talk.token)[1]) == talk.shared
        if len(shown) > 2:
            middle = shown[len(shown) // 2].number
            assert store.messages(self.owner, talk.id, start=middle) == [m for m in shown if m.number >= middle]
            assert store.messages(self.owner, talk.id, before=middle, limit=1) == [m for m in shown if m.number < middle][-1:]

    def teardown(self):
        self.check_list()
        for talk in self.talks.values():
            self.check(talk)
            if not talk.deleted:
                self.tabs[0].delete_conversation(self.owner, talk.id, at_once=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", STORES)
def test_any_order_of_two_tabs(name, tmp_path):
    tabs = [STORES[name](tmp_path) for _ in range(2)]
    try:
        run_state_machine_as_test(lambda: StoreMachine(tabs), settings=settings(
            max_examples=ORDERS, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck), database=None,
            derandomize="STATES" not in os.environ,
        ))
    finally:
        for tab in tabs:
            tab.close()
