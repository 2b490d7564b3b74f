"""Any order of calls, by two owners, against a model of a few lines."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from stores import STORES

from webbot.errors import Conflict, NotFound
from webbot.messages import Message

TEXT = st.text(max_size=20).map(lambda text: text.replace("\0", ""))
OWNERS = st.sampled_from(["ann", "bob"])


class StoreMachine(RuleBasedStateMachine):
    """`known` holds (owner, id) -> [question or answer texts, statuses] of what is there."""

    made = Bundle("made")
    kind = "sql"

    @initialize()
    def open(self):
        self.folder = Path(tempfile.mkdtemp())
        self.store = STORES[self.kind](self.folder)
        self.known: dict[tuple[str, str], list[Message]] = {}

    @rule(target=made, owner=OWNERS, title=TEXT)
    def create(self, owner, title):
        id = self.store.create_conversation(owner, title=title).id
        self.known[owner, id] = []
        return id

    @rule(owner=OWNERS, id=made, text=TEXT, replace_from=st.none() | st.integers(0, 12))
    def ask(self, owner, id, text, replace_from):
        past = self.known.get((owner, id))
        if past is None:
            self.refused(NotFound, owner, id, text, replace_from)
        elif any(message.status == "streaming" for message in past):
            self.refused(Conflict, owner, id, text, replace_from)
        else:
            kept = [m for m in past if replace_from is None or m.number < replace_from]
            question, answer = self.store.begin_turn(owner, id, Message(role="user", text=text), replace_from=replace_from)
            assert (question.number, answer.number) == (len(kept) + 1, len(kept) + 2)
            assert question.text == text
            self.known[owner, id] = [*kept, question, answer]

    def refused(self, problem, owner, id, text, replace_from):
        with pytest.raises(problem):
            self.store.begin_turn(owner, id, Message(role="user", text=text), replace_from=replace_from)

    @rule(owner=OWNERS, id=made, text=TEXT, status=st.sampled_from(["streaming", "complete", "stopped", "failed"]))
    def save(self, owner, id, text, status):
        past = self.known.get((owner, id))
        if not past:
            with pytest.raises(NotFound):
                self.store.save_answer(owner, id, Message(role="assistant", text=text, id="none", status=status))
            return
        answer = replace(past[-1], text=text, status=status)
        if status == "streaming" and past[-1].status != "streaming":
            with pytest.raises(Conflict):
                self.store.save_answer(owner, id, answer)
        else:
            self.store.save_answer(owner, id, answer)
            past[-1] = answer

    @rule(owner=OWNERS, id=made)
    def clear(self, owner, id):
        if (owner, id) in self.known:
            self.store.clear(owner, id)
            self.known[owner, id] = []
        else:
            with pytest.raises(NotFound):
                self.store.clear(owner, id)

    @rule(owner=OWNERS, id=made)
    def delete(self, owner, id):
        if self.known.pop((owner, id), None) is not None:
            self.store.delete_conversation(owner, id)
        else:
            with pytest.raises(NotFound):
                self.store.delete_conversation(owner, id)

    @rule()
    def restart(self):
        self.store.close()
        self.store = STORES[self.kind](self.folder)
        running = [(past, at) for past in self.known.values() for at, m in enumerate(past) if m.status == "streaming"]
        assert self.store.fail_interrupted("stopped") == len(running)
        for past, at in running:
            past[at] = replace(past[at], status="failed", error="stopped")

    @invariant()
    def all_is_there(self):
        for owner in ("ann", "bob"):
            listed = {conversation.id for conversation in self.store.conversations(owner)}
            assert listed == {id for known, id in self.known if known == owner}
        for (owner, id), past in self.known.items():
            assert self.store.messages(owner, id) == past

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.folder)


@pytest.mark.slow
class TestStates(StoreMachine.TestCase):
    settings = settings(
        max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
