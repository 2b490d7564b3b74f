"""Turns: a question and its growing answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from webbot.errors import Conflict, NotFound
from webbot.messages import Conversation, Message
from webbot.store import redis_branches as branches
from webbot.store import redis_keys as keys
from webbot.store.redis_change import Change
from webbot.store.redis_keys import raw, text
from webbot.store.redis_talks import Talks
from webbot.store.redis_tree import Tree, value
from webbot.store.redis_values import clean_message
from webbot.store.rules import ENDED, NO_MESSAGE, NOT_LAST, new_id

log = logging.getLogger(__name__)


def begin(
    talks: Talks, owner: str, conversation: str, question: Message, after: str | None
) -> tuple[Message, Message]:
    def work(change: Change) -> tuple[Message, Message]:
        change.refuse_busy()
        parent = change.kept.about.tip if after is None else after
        marks, tree = _follow(talks, change, parent, change.found)
        asked = clean_message(replace(
            question, role="user", id=new_id(), number=change.kept.last + 1, status="complete", created_at=time.time(),
            parent=parent, remembers_from=0, cut_for="",
        ))
        answer = _answer(asked, asked.number + 1, marks)
        _append(change, tree, parent, [asked, answer])
        return asked, answer

    return talks.change(owner, conversation, work, read=lambda: talks.page(owner, conversation, 0, None, 2))


def begin_answer(talks: Talks, owner: str, conversation: str, question: str) -> tuple[Message, Message]:
    def work(change: Change) -> tuple[Message, Message]:
        change.refuse_busy()
        asked = _found(change)
        if asked.role != "user":
            raise NotFound(NO_MESSAGE)
        marks, tree = _follow(talks, change, question)
        answer = _answer(asked, change.kept.last + 1, marks)
        _append(change, tree, question, [answer])
        return asked, answer

    return talks.change(owner, conversation, work, read=lambda: talks.some(owner, conversation, [question]))


def resume(talks: Talks, owner: str, conversation: str, answer: str) -> tuple[Message, Message]:
    def work(change: Change) -> tuple[Message, Message]:
        change.refuse_busy()
        said = _found(change)
        if said.id != change.kept.about.tip or said.role != "assistant":
            raise Conflict(NOT_LAST)
        _, asked = talks.one(owner, conversation, said.parent)
        again = replace(said, status="streaming", error="")
        change.put_message(again)
        change.stream(again.id)
        change.touch()
        return asked, again

    return talks.change(owner, conversation, work, read=lambda: talks.some(owner, conversation, [answer]))


def save(talks: Talks, owner: str, conversation: str, answer: Message) -> None:
    """The end of an answer is written even to a full server: else the conversation would stay busy."""
    def work(change: Change) -> None:
        known: Message = change.found
        if known.role != "assistant":
            raise NotFound(NO_MESSAGE)
        if answer.status == "streaming" != known.status:  # a late save never brings an ended answer back to life
            raise Conflict(ENDED)
        change.put_message(clean_message(replace(
            known, text=answer.text, status=answer.status, usage=answer.usage, error=answer.error, tokens=answer.tokens,
            counted_by=answer.counted_by,
        )))
        if answer.status != "streaming" and change.kept.streaming == answer.id:
            change.stream("")

    talks.change(
        owner, conversation, work, frees=answer.status != "streaming", read=lambda: talks.one(owner, conversation, answer.id)
    )


def show(talks: Talks, owner: str, conversation: str, message: str) -> Conversation:
    def work(change: Change) -> Conversation:
        change.refuse_busy()
        _, tree = talks.tree(owner, conversation)
        if message not in tree.number:
            raise NotFound(NO_MESSAGE)
        tip = tree.newest_behind(message)
        shown = branches.show(change, tree, tip)
        change.touch(moves=False, tip=tip, **branches.marks_of(talks, conversation, shown))
        return change.kept.about

    return talks.change(owner, conversation, work)


def fail_interrupted(talks: Talks, sentence: str, running: Collection[str]) -> int:
    def work(change: Change) -> bool:
        lost = change.kept.streaming
        if lost:
            _, answer = talks.one(None, change.kept.about.id, lost)
            change.put_message(clean_message(replace(answer, status="failed", error=sentence)))
            change.stream("")
        return bool(lost)

    (ids,) = talks.server.ask(("SMEMBERS", keys.RUNNING))
    failed = 0
    for id in map(text, ids):
        if id in running:
            continue
        try:
            failed += talks.change(None, id, work, frees=True)
        except NotFound:  # deleted meanwhile
            log.debug("the conversation of a running answer is gone")
    return failed


def _found(change: Change) -> Message:
    """The one message that was read with the conversation. Raises NotFound."""
    if not change.found:
        raise NotFound(NO_MESSAGE)
    return change.found[0]


def _follow(
    talks: Talks, change: Change, parent: str, shown: Sequence[Message] = ()
) -> tuple[dict[str, Any], Tree | None]:
    """Lets the shown branch end in `parent` ("": nothing is shown), and says what its newest answer remembers. The tree comes
    back where more than `parent` had to be looked at. `shown`: the last messages shown, as far as they are known. Raises NotFound
    when `parent` is not there."""
    conversation = change.kept.about.id
    if parent == change.kept.about.tip:
        return branches.marks_shown(talks, conversation, shown), None
    _, tree = talks.tree(None, conversation)
    if parent and parent not in tree.number:
        raise NotFound(NO_MESSAGE)
    return branches.marks_of(talks, conversation, branches.show(change, tree, parent)), tree


def _answer(asked: Message, number: int, marks: dict[str, Any]) -> Message:
    return Message(
        role="assistant", text="", id=new_id(), number=number, status="streaming", created_at=time.time(), parent=asked.id,
        **marks,
    )


def _append(change: Change, tree: Tree | None, parent: str, new: list[Message]) -> None:
    """Writes the messages, each behind the one before it, the first behind `parent`; the last one is an answer that begins."""
    followers = {} if tree is None else {id: tree.number[id] for id in tree.after.get(parent, ())}
    change.do("HSET", change.keys.children, raw(parent), value([
        *((number, id) for id, number in followers.items()), (new[0].number, new[0].id),
    ]))
    for before, message in pairwise(new):
        change.do("HSET", change.keys.children, raw(before.id), value([(message.number, message.id)]))
    change.put_messages(new)
    if pinned := [raw(message.id) for message in new if message.pinned]:
        change.do("SADD", change.keys.pinned, *pinned)
    change.put_branch([(message.id, message.number) for message in new])
    answer = new[-1]
    change.note(last=answer.number)
    change.stream(answer.id)
    change.touch(tip=answer.id, remembers_from=answer.remembers_from, cut_for=answer.cut_for)
