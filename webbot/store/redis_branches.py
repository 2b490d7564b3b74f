"""Which branch of a conversation is shown, what its newest answer remembers, the versions of a message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from webbot.messages import Message
from webbot.store import redis_tree
from webbot.store.redis_change import Change
from webbot.store.redis_keys import Keys, raw, text
from webbot.store.redis_talks import Talks
from webbot.store.redis_tree import Tree
from webbot.store.redis_values import portions
from webbot.store.rules import LARGEST

GLANCES = (2, 50, LARGEST)  # messages that are looked at for the newest answer, from the last one on


def marks_shown(talks: Talks, conversation: str, last: Sequence[Message] = ()) -> dict[str, Any]:
    """remembers_from and cut_for of the newest answer that is shown, 0 and "" without one. `last`: the last messages shown, as
    far as they are known."""
    return marks(_last_answer(last) or newest_answer(talks, conversation))


def newest_answer(talks: Talks, conversation: str) -> Message | None:
    """The newest answer that is shown."""
    for limit in GLANCES:
        _, page = talks.page(None, conversation, 0, None, limit)
        if found := _last_answer(page):
            return found
        if len(page) < limit:
            break
    return None


def marks_of(talks: Talks, conversation: str, branch: Sequence[str]) -> dict[str, Any]:
    """As `marks_shown`, of the branch with these ids."""
    seen = 0
    for limit in GLANCES:
        ids = branch[max(0, len(branch) - limit):len(branch) - seen]
        if found := _last_answer(talks.all_of(conversation, ids)):
            return marks(found)
        seen += len(ids)
    return marks(None)


def marks(answer: Message | None) -> dict[str, Any]:
    if answer is None:
        return {"remembers_from": 0, "cut_for": ""}
    return {"remembers_from": answer.remembers_from, "cut_for": answer.cut_for}


def _last_answer(messages: Sequence[Message]) -> Message | None:
    return next((message for message in reversed(messages) if message.role == "assistant"), None)


def show(change: Change, tree: Tree, tip: str, *, gone: Iterable[str] = ()) -> list[str]:
    """Lets the shown branch end in `tip`; returns its ids. `gone` are those that the tree no longer has. It writes only what the
    two branches do not share."""
    old, new = tree.branch(change.kept.about.tip), tree.branch(tip)
    gone = list(gone)
    for portion in portions(gone):
        change.do("ZREM", change.keys.branch, *map(raw, portion))
    same = 0
    while not gone and same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    fork = tree.number[new[same - 1]] if same else 0
    change.do("ZREMRANGEBYSCORE", change.keys.branch, f"({fork}", "+inf")
    change.put_branch([(id, tree.number[id]) for id in new[same:]])
    return new


def put_after(change: Change, tree: Tree, changed: Iterable[str]) -> None:
    """Writes what follows those messages, as the tree has it."""
    for before in changed:
        if value := tree.value(before):
            change.do("HSET", change.keys.children, raw(before), value)
        else:
            change.do("HDEL", change.keys.children, raw(before))


def versions(talks: Talks, owner: str, conversation: str, ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """For those of the messages that have versions: the ids of all, oldest first."""
    keys = Keys(conversation)

    def read() -> Any:
        kept = talks.find(owner, conversation)
        before = {message.id: message.parent for message in talks.all_of(conversation, list(dict.fromkeys(ids)))}
        parents = list(dict.fromkeys(before.values()))
        found: dict[str, list[str]] = {}
        for portion in portions(parents):
            (values,) = talks.server.ask(("HMGET", keys.children, *map(raw, portion)))
            found |= {
                parent: [id for _, id in redis_tree.following(text(value))]
                for parent, value in zip(portion, values, strict=True) if value
            }
        return kept, {id: found[parent] for id, parent in before.items() if len(found.get(parent, ())) > 1}

    return talks.steadily(conversation, read)
