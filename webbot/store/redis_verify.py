"""Looks for damage: whether trees are trees, lists are those of the conversations, and nothing is left of what is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from webbot.errors import NotFound
from webbot.messages import Message
from webbot.store import redis_entries as entries
from webbot.store import redis_keys as keys
from webbot.store import redis_tree
from webbot.store.redis_entry_scripts import NO_ENTRIES, NOT_ENDING, UNLISTED_ENTRIES
from webbot.store.redis_keys import Keys, raw, text
from webbot.store.redis_scripts import MISSING, PINNED, WHOLE
from webbot.store.redis_talks import Talks
from webbot.store.redis_values import Kept, messages_from, unpacked

UNREADABLE = "{count} conversations cannot be read."
NO_PARENT = "{count} messages follow one that is not there, or that is newer."
WRONG_ORDER = "{count} conversations have another order of messages than the messages say."
WRONG_BRANCH = "{count} conversations show other messages than the branch that ends in their last one."
WRONG_PINS = "{count} conversations hold other messages than those that are pinned."
WRONG_RUNNING = "{count} conversations have another running answer than they say."
WRONG_SHARE = "{count} links let read a message that is not there."
WRONG_FILES = "{count} files are not whole."
WRONG_REQUESTS = "{count} requests belong to no message."
WRONG_LIST = "{count} conversations are missing in their owner's list, or stand in the wrong place there."
DANGLING = "{count} keys belong to no conversation."
LISTED = "{count} entries of lists belong to no conversation."
BAD_ENTRIES = "{count} entries of people cannot be read."
UNLISTED = "{count} entries of people are missing in the list of their owner."
NO_ENTRY = "{count} lines of lists belong to no entry of people."


class Damage:
    """What was found: each sentence with how often."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def note(self, sentence: str, wrong: bool | int) -> None:
        if wrong:
            self.found[sentence] += int(wrong)

    def sentences(self) -> list[str]:
        return [sentence.format(count=count) for sentence, count in self.found.items()]


def damage(talks: Talks) -> Sequence[str]:
    """A sentence for each kind of damage, none when all is well. A conversation that changes meanwhile is looked at again."""
    found, shares = Damage(), {}
    (ids,) = talks.server.ask(("ZRANGE", keys.CONVERSATIONS, 0, -1))
    for id in map(text, ids):
        result = _steadily(talks, id)
        if result is not None:
            kept, wrong = result
            found.found.update(wrong.found)
            if kept is not None and kept.share is not None:
                shares[kept.share.token] = id
    _lists(talks, found)
    _left_over(talks, found)
    _entries(talks, found)
    return found.sentences()


def _steadily(talks: Talks, id: str) -> tuple[Kept | None, Damage] | None:
    """None for one that was deleted meanwhile."""
    for _ in range(20):
        before = talks.server.ask(("ZSCORE", keys.CONVERSATIONS, raw(id)))
        if before == [None]:
            return None
        wrong = Damage()
        try:
            kept = _conversation(talks, id, wrong)
        except (KeyError, TypeError, ValueError, NotFound):
            kept, wrong = None, Damage()
            wrong.note(UNREADABLE, True)
        if talks.server.ask(("ZSCORE", keys.CONVERSATIONS, raw(id))) == before:
            return kept, wrong
    return None


def _conversation(talks: Talks, id: str, wrong: Damage) -> Kept:
    names = Keys(id)
    reply, joined, asked, filed = talks.server.run(WHOLE, [names.base, names.messages, names.requests, names.files])
    kept = talks.mine(reply, None, deleted=True)
    said = {message.id: message for message in messages_from(joined)}
    _messages(talks, names, kept, said, wrong)
    wrong.note(WRONG_REQUESTS, sum(text(message) not in said for message in asked[::2]))
    wrong.note(WRONG_FILES, sum(not _is_whole(talks, names, text(file), unpacked(value)) for file, value in _pairs(filed)))
    wrong.note(WRONG_SHARE, kept.share is not None and kept.share.tip not in said)
    _lists_of(talks, names, kept, wrong)
    return kept


def _messages(talks: Talks, names: Keys, kept: Kept, said: dict[str, Message], wrong: Damage) -> None:
    after, branch, pinned = talks.server.ask(
        ("HGETALL", names.children), ("ZRANGE", names.branch, 0, -1, "WITHSCORES"), ("SMEMBERS", names.pinned)
    )
    wrong.note(NO_PARENT, sum(
        bool(one.parent) and (one.parent not in said or said[one.parent].number >= one.number) for one in said.values()
    ))
    tree = redis_tree.from_parents({one.id: (one.number, one.parent) for one in said.values()})
    wrong.note(WRONG_ORDER, dict(_pairs(after)) != {raw(before): tree.value(before) for before in tree.after}
               or kept.last != max(tree.number.values(), default=0) or len(set(tree.number.values())) != len(said))
    shown = [(text(id), float(number)) for id, number in _pairs(branch)]
    wanted = [(id, float(tree.number[id])) for id in tree.branch(kept.about.tip)]
    wrong.note(WRONG_BRANCH, shown != wanted or bool(said) != bool(kept.about.tip)
               or (bool(kept.about.tip) and kept.about.tip not in said))
    wrong.note(WRONG_PINS, {text(id) for id in pinned} != {one.id for one in said.values() if one.pinned})
    running = [one.id for one in said.values() if one.status == "streaming"]
    (member,) = talks.server.ask(("SISMEMBER", keys.RUNNING, names.id))
    wrong.note(WRONG_RUNNING, running != ([kept.streaming] if kept.streaming else []) or bool(member) != bool(running))


def _is_whole(talks: Talks, names: Keys, file: str, value: dict[str, Any]) -> bool:
    words, data = talks.server.ask(("HLEN", names.text(file)), ("HVALS", names.data(file)))
    pieces = value["pieces"]
    return words == pieces["text"] and len(data) == pieces["data"] and sum(map(len, data)) == value["file"]["size"]


def _lists_of(talks: Talks, names: Keys, kept: Kept, wrong: Damage) -> None:
    owner = kept.about.owner
    place, title, deleted, shared = talks.server.ask(
        ("ZSCORE", keys.owners_list(owner), names.id), ("HGET", keys.owners_titles(owner), names.id),
        ("ZSCORE", keys.DELETED, names.id), ("HGET", keys.SHARES, raw(kept.share.token if kept.share else "")),
    )
    if kept.deleted_at is None:
        wanted = kept.place + (PINNED if kept.about.pinned else 0)
        right = place is not None and float(place) == wanted and title is not None and deleted is None
    else:
        right = place is None and title is None and deleted is not None
    wrong.note(WRONG_LIST, not right)
    wrong.note(LISTED, kept.share is not None and shared != names.id)


def _lists(talks: Talks, found: Damage) -> None:
    """Entries of the lists of the whole store, and of the owners', for conversations that are not there."""
    def look(key: bytes, *command: str | int) -> None:
        found.note(LISTED, talks.server.run(MISSING, [key, keys.CONVERSATIONS], *command))

    look(keys.DELETED, "ZRANGE", 0, -1)
    look(keys.RUNNING, "SMEMBERS")
    look(keys.SHARES, "HVALS")
    _scan(talks, keys.PREFIX + b"owner:*:list", lambda key: look(key, "ZRANGE", 0, -1))
    _scan(talks, keys.PREFIX + b"owner:*:titles", lambda key: look(key, "HKEYS"))


def _left_over(talks: Talks, found: Damage) -> None:
    """Keys of conversations that are not there; those that end by themselves are being written."""
    def look(key: bytes) -> None:
        id = key[len(keys.PREFIX) + 1:key.index(b"}", len(keys.PREFIX))]
        *_, (known, ends) = talks.server.ask(("MULTI",), ("ZSCORE", keys.CONVERSATIONS, id), ("PTTL", key), ("EXEC",))
        found.note(DANGLING, known is None and ends == -1)

    _scan(talks, keys.PREFIX + b"{*}*", look)


def _entries(talks: Talks, found: Damage) -> None:
    begin = keys.entries("")

    def look(key: bytes) -> None:
        kind = key[len(begin):]
        (kept,) = talks.server.ask(("HGETALL", key))
        found.note(BAD_ENTRIES, sum(not _is_entry(text(kind), text(id), value) for id, value in _pairs(kept)))
        found.note(UNLISTED, talks.server.run(UNLISTED_ENTRIES, [key, keys.KINDS], kind, keys.PREFIX))

    def look_at_owner(key: bytes) -> None:
        length, _, rest = key[len(keys.PREFIX + b"owned:"):].partition(b":")
        kind = text(rest[:int(length)])
        found.note(NO_ENTRY, talks.server.run(NO_ENTRIES, [key, keys.entries(kind)]))

    _scan(talks, begin + b"*", look)
    _scan(talks, keys.PREFIX + b"owned:*", look_at_owner)
    found.note(NO_ENTRY, talks.server.run(NOT_ENDING, [keys.ENDING], begin))


def _is_entry(kind: str, id: str, kept: bytes) -> bool:
    try:
        entry = entries.read(kept)
    except (KeyError, TypeError, ValueError, IndexError):
        return False
    return (entry.kind, entry.id) == (kind, id)


def _scan(talks: Talks, pattern: bytes, look: Callable[[bytes], None]) -> None:
    cursor: Any = 0
    while True:
        ((cursor, names),) = talks.server.ask(("SCAN", cursor, "MATCH", pattern, "COUNT", 1000))
        for name in names:
            look(name)
        if int(cursor) == 0:
            return


def _pairs(flat: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
