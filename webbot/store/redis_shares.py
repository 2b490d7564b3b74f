"""Shares: a branch that whoever has the token may read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from webbot.errors import BadInput, NotFound
from webbot.messages import Conversation, Message, Share
from webbot.store import redis_keys as keys
from webbot.store.redis_change import Change
from webbot.store.redis_keys import raw, text
from webbot.store.redis_talks import Talks
from webbot.store.rules import NOT_SHARED, NOTHING, new_id


def make(talks: Talks, owner: str, conversation: str) -> Share:
    def work(change: Change) -> Share:
        change.refuse_busy()
        if not change.kept.about.tip:
            raise BadInput(NOTHING)
        _take_back(change)
        made = Share(
            token=new_id(), conversation=conversation, tip=change.kept.about.tip, created_at=time.time()
        )
        change.do("HSET", keys.SHARES, raw(made.token), change.keys.id)
        change.note(share=made)
        return made

    return talks.change(owner, conversation, work)


def take_back(talks: Talks, owner: str, conversation: str) -> None:
    talks.change(owner, conversation, _take_back, frees=True)


def _take_back(change: Change) -> None:
    if change.kept.share is not None:
        change.do("HDEL", keys.SHARES, raw(change.kept.share.token))
        change.note(share=None)


def read(talks: Talks, token: str) -> tuple[Conversation, Sequence[Message]]:
    """The conversation and the branch. Here the token is the right to read."""
    (found,) = talks.server.ask(("HGET", keys.SHARES, raw(token)))
    if found is None:
        raise NotFound(NOT_SHARED)
    conversation = text(found)

    def branch() -> Any:
        kept, tree = talks.tree(None, conversation)
        if kept.share is None or kept.share.token != token:
            raise NotFound(NOT_SHARED)
        return kept, (kept.about, talks.all_of(conversation, tree.branch(kept.share.tip)))

    try:
        return talks.steadily(conversation, branch)
    except NotFound:
        raise NotFound(NOT_SHARED) from None
