"""Files of a conversation, with their texts and bytes in pieces, so that no step takes long."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

from webbot.errors import NotFound
from webbot.messages import File
from webbot.store import redis_laying as laying
from webbot.store.redis_change import Change
from webbot.store.redis_keys import Keys, raw, text
from webbot.store.redis_talks import Talks
from webbot.store.redis_values import packed, unpacked
from webbot.store.rules import NO_FILE, new_id, storable

Part = Literal["text", "data"]


def add(talks: Talks, owner: str, conversation: str, file: File, words: str, data: bytes) -> File:
    talks.find(owner, conversation)  # nothing is laid down for strangers
    named = clean(replace(file, id=new_id(), created_at=time.time()))
    pieces = _lay(talks, Change(talks.find(owner, conversation)), named.id, words, data)

    def work(change: Change) -> File:
        number = max((value["number"] for value in kept(talks, conversation).values()), default=0) + 1
        _note(change, named, number, pieces)
        change.touch()
        return named

    return talks.change(owner, conversation, work)


def clean(file: File) -> File:
    return replace(
        file, name=storable(file.name), media_type=storable(file.media_type), counted_by=storable(file.counted_by)
    )


def put(talks: Talks, change: Change, file: File, number: int, words: str, data: bytes) -> None:
    """A file of a conversation that is being made."""
    file = clean(file)
    _note(change, file, number, _lay(talks, change, file.id, words, data))


def _lay(talks: Talks, change: Change, id: str, words: str, data: bytes) -> dict[str, int]:
    """Lays text and bytes down; how many pieces of each there are."""
    return {
        "text": laying.put_pieces(talks.server, change, change.keys.text(id), raw(storable(words))),
        "data": laying.put_pieces(talks.server, change, change.keys.data(id), data),
    }


def _note(change: Change, file: File, number: int, pieces: dict[str, int]) -> None:
    for part, key in (("text", change.keys.text(file.id)), ("data", change.keys.data(file.id))):
        if pieces[part] and key not in change.needed:
            change.need(key)
    change.do("HSET", change.keys.files, raw(file.id), packed({"file": asdict(file), "number": number, "pieces": pieces}))


def kept(talks: Talks, conversation: str) -> dict[str, Any]:
    """id -> what is kept of each file, in the order in which they came."""
    (flat,) = talks.server.ask(("HGETALL", Keys(conversation).files))
    found = {text(id): unpacked(value) for id, value in zip(flat[::2], flat[1::2], strict=True)}
    return dict(sorted(found.items(), key=lambda one: one[1]["number"]))


def all_of(talks: Talks, owner: str, conversation: str) -> Sequence[File]:
    talks.find(owner, conversation)
    return [File(**value["file"]) for value in kept(talks, conversation).values()]


def part(talks: Talks, owner: str, conversation: str, file: str, which: Part) -> bytes:
    """The text in UTF-8, or the bytes, of a file."""
    talks.find(owner, conversation)
    return read(talks, conversation, file, which)


def read(talks: Talks, conversation: str, file: str, which: Part) -> bytes:
    """As `part`, for whoever has found the conversation to be the caller's."""
    keys = Keys(conversation)
    (value,) = talks.server.ask(("HGET", keys.files, raw(file)))
    if value is None:
        raise NotFound(NO_FILE)
    key = keys.text(file) if which == "text" else keys.data(file)
    found = laying.read_pieces(talks.server, key, unpacked(value)["pieces"][which])
    if found is None:
        raise NotFound(NO_FILE)
    return found


def delete(talks: Talks, owner: str, conversation: str, file: str) -> None:
    def work(change: Change) -> None:
        if file not in kept(talks, conversation):
            raise NotFound(NO_FILE)
        change.drop([change.keys.text(file), change.keys.data(file)])
        change.do("HDEL", change.keys.files, raw(file))
        change.touch()

    talks.change(owner, conversation, work, frees=True)


def put_counts(talks: Talks, change: Change, counts: dict[str, int], counted_by: str) -> None:
    """Keeps the token counts of those that are files."""
    for id, value in kept(talks, change.kept.about.id).items():
        if id in counts:
            value["file"] |= {"tokens": counts[id], "counted_by": counted_by}
            change.do("HSET", change.keys.files, raw(id), packed(value))
