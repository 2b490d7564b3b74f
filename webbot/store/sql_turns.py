"""Turns as rows: a question and its growing answer. Each function works in the transaction it is given."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import Connection, insert, select, update

from webbot.errors import Conflict, NotFound
from webbot.messages import Conversation, Message
from webbot.store import sql_branches as branches
from webbot.store import sql_conversations as conversation_rows
from webbot.store import sql_index as index
from webbot.store import sql_messages as message_rows
from webbot.store.rules import ENDED, NO_MESSAGE, NOT_LAST, new_id, storable
from webbot.store.sql_rows import message_row, usage_value
from webbot.store.sql_schema import conversations, messages


def begin(
    connection: Connection, owner: str, conversation: str, question: Message, after: str | None
) -> tuple[Message, Message]:
    known, number = _quiet(connection, owner, conversation)
    parent = known.tip if after is None else after
    if parent and parent != known.tip:
        message_rows.find(connection, owner, conversation, parent)
    if parent != known.tip:
        branches.mark_shown(connection, conversation, parent)
    asked = replace(
        question, role="user", id=new_id(), number=number, status="complete", created_at=time.time(),
        parent=parent, remembers_from=0, cut_for="", text=storable(question.text), counted_by=storable(question.counted_by),
    )
    answer = _answer(connection, owner, conversation, asked, number + 1, [asked])
    index.learn_messages(connection, owner, conversation, [asked])
    return asked, answer


def begin_answer(connection: Connection, owner: str, conversation: str, question: str) -> tuple[Message, Message]:
    known, number = _quiet(connection, owner, conversation)
    asked = message_rows.find(connection, owner, conversation, question)
    if asked.role != "user":
        raise NotFound(NO_MESSAGE)
    if asked.id != known.tip:
        branches.mark_shown(connection, conversation, asked.id)
    return asked, _answer(connection, owner, conversation, asked, number, [])


def resume(connection: Connection, owner: str, conversation: str, answer: str) -> tuple[Message, Message]:
    known, _ = _quiet(connection, owner, conversation)
    said = message_rows.find(connection, owner, conversation, answer)
    if said.id != known.tip or said.role != "assistant":
        raise Conflict(NOT_LAST)
    asked = message_rows.find(connection, owner, conversation, said.parent)
    connection.execute(update(messages).where(messages.c.id == said.id).values(status="streaming", error=""))
    conversation_rows.touch(connection, owner, conversation)
    return asked, replace(said, status="streaming", error="")


def save(connection: Connection, owner: str, conversation: str, answer: Message) -> None:
    mine = messages.c.conversation == conversation_rows.id_of(owner, conversation)
    change = update(messages).where(mine, messages.c.id == answer.id, messages.c.role == "assistant").values(
        text=answer.text, status=answer.status, usage=usage_value(answer.usage), error=answer.error, tokens=answer.tokens,
        counted_by=answer.counted_by,
    )
    if answer.status == "streaming":  # a late save never brings an ended answer back to life
        change = change.where(messages.c.status == "streaming")
    else:
        conversation_rows.find(connection, owner, conversation, to_write=True)
    if connection.execute(change).rowcount == 0:
        conversation_rows.find(connection, owner, conversation)
        if message_rows.find(connection, owner, conversation, answer.id).role != "assistant":
            raise NotFound(NO_MESSAGE)
        raise Conflict(ENDED)
    if answer.status != "streaming":
        index.learn_messages(connection, owner, conversation, [answer], anew=True)


def fail(connection: Connection, sentence: str, running: Collection[str]) -> int:
    """Every answer that is still streaming becomes failed, but those of the conversations in `running`; returns how many."""
    streaming = select(messages.c.id, messages.c.conversation).where(messages.c.status == "streaming")
    lost = [id for id, conversation in connection.execute(streaming) if conversation not in running]
    return _end(connection, lost, status="failed", error=sentence)


def stop(connection: Connection, conversation: str) -> None:
    """The answer that is streaming ends where it is."""
    streaming = select(messages.c.id).where(messages.c.conversation == conversation, messages.c.status == "streaming")
    _end(connection, connection.scalars(streaming).all(), status="stopped")


def stop_all_of(connection: Connection, owner: str) -> None:
    """The answers that are streaming in this owner's conversations end where they are."""
    streaming = select(messages.c.id).join(conversations).where(conversations.c.owner == owner, messages.c.status == "streaming")
    _end(connection, connection.scalars(streaming).all(), status="stopped")


def _end(connection: Connection, answers: Sequence[str], **values: str) -> int:
    ended = 0
    for ids in branches.portions(answers):
        change = update(messages).where(messages.c.id.in_(ids), messages.c.status == "streaming")
        ended += connection.execute(change.values(**values)).rowcount
    index.learn_ended(connection, answers)
    return ended


def show(connection: Connection, owner: str, conversation: str, message: str) -> Conversation:
    _quiet(connection, owner, conversation)
    known = message_rows.find(connection, owner, conversation, message)
    tip = branches.newest_behind(connection, conversation, known.id)
    branches.mark_shown(connection, conversation, tip)
    conversation_rows.touch(
        connection, owner, conversation, moves=False, tip=tip, **branches.marks(connection, conversation)
    )
    return conversation_rows.find(connection, owner, conversation)


def _quiet(connection: Connection, owner: str, conversation: str) -> tuple[Conversation, int]:
    """The conversation, to write in it, and the number of its next message. Raises Conflict while an answer is streaming."""
    known = conversation_rows.find(connection, owner, conversation, to_write=True)
    return known, branches.quiet(connection, conversation)


def _answer(
    connection: Connection, owner: str, conversation: str, asked: Message, number: int, new: Sequence[Message]
) -> Message:
    """An empty answer behind that question, which becomes the tip; writes it and the messages of `new` before it. What is shown
    are the messages before those."""
    answer = Message(
        role="assistant", text="", id=new_id(), number=number, status="streaming", created_at=time.time(),
        parent=asked.id, **branches.marks(connection, conversation),
    )
    connection.execute(insert(messages), [message_row(message, conversation, shown=True) for message in (*new, answer)])
    conversation_rows.touch(
        connection, owner, conversation, tip=answer.id, remembers_from=answer.remembers_from, cut_for=answer.cut_for
    )
    return answer
