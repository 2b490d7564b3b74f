"""Everything in the store as records, as at one moment.

It is read into a temporary file, conversation by conversation, and again what changed meanwhile, until little changes. The last
of it is read under a hold: changes of every process wait until it ends, which it also does by itself.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any

from webbot.errors import NotFound, Unavailable
from webbot.store import redis_entries as entries
from webbot.store import redis_files as files
from webbot.store import redis_keys as keys
from webbot.store import redis_sessions as sessions
from webbot.store.base import Kind, Record
from webbot.store.redis_keys import Keys, text
from webbot.store.redis_scripts import END_HOLD, TAKE_HOLD, WHOLE
from webbot.store.redis_talks import HELD, PATIENCE, Talks
from webbot.store.redis_values import NEVER_KEPT, Kept, messages_from, portions, unpacked

HOLD_SECONDS = 2.0  # the longest that changes wait
FEW = 20  # conversations that are read under the hold
ROUNDS = 20  # before that, if there never are few


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the records of a conversation stand in the file, and where it stands among the others of its owner."""

    start: int
    end: int
    revision: str
    owner: str
    place: int


def read(talks: Talks) -> Iterator[Record]:
    """Raises Unavailable when the store changes faster than it can be read."""
    with tempfile.TemporaryFile() as file:
        places: dict[str, _Place] = {}
        until = time.monotonic() + PATIENCE
        for _ in range(ROUNDS):
            changed = _changed(talks, places)
            _read_talks(talks, file, places, changed)
            if len(changed) > FEW:
                until = time.monotonic() + PATIENCE
                continue
            if (last := _read_last(talks, file, places)) is not None:
                break
            if time.monotonic() > until:
                raise Unavailable(HELD, retry_after=5)
        else:
            raise Unavailable(HELD, retry_after=5)
        for place in sorted(places.values(), key=lambda place: (place.owner, place.place)):
            yield from _records(file, place)
        yield from last


def _changed(talks: Talks, places: dict[str, _Place]) -> list[str]:
    """The conversations that are not in the file as they are now; forgets those that are no more."""
    (flat,) = talks.server.ask(("ZRANGE", keys.CONVERSATIONS, 0, -1, "WITHSCORES"))
    now = {text(id): score.decode() for id, score in zip(flat[::2], flat[1::2], strict=True)}
    for id in [id for id in places if id not in now]:
        del places[id]
    return [id for id, score in now.items() if id not in places or places[id].revision != score]


def _read_last(talks: Talks, file: IO[bytes], places: dict[str, _Place]) -> list[Record] | None:
    """Reads what is left, and what is beside the conversations, while nobody changes anything; None when it took too long or is
    not our turn."""
    hold, began = secrets.token_urlsafe(12), time.monotonic()
    gates = (keys.ABOUT, keys.HOLD)
    if not talks.server.run(TAKE_HOLD, gates, hold, int(HOLD_SECONDS * 1000)):
        time.sleep(0.05)
        return None
    try:
        changed = _changed(talks, places)
        if len(changed) > FEW:
            return None
        _read_talks(talks, file, places, changed)
        found = [*_read_sessions(talks), *(entry.record() for entry in entries.whole(talks)), *_read_counters(talks)]
        return found if time.monotonic() - began < HOLD_SECONDS else None
    finally:
        talks.server.run(END_HOLD, gates, hold)


def _read_sessions(talks: Talks) -> list[Record]:
    (names,) = talks.server.ask(("ZRANGE", keys.SESSIONS, 0, -1))
    found: list[Record] = []
    for portion in portions(sorted(names)):
        (values,) = talks.server.ask(("MGET", *(keys.session(text(name)) for name in portion)))
        for key, kept in zip(map(text, portion), values, strict=True):
            if kept is not None:
                value, ends_at = kept[sessions.END.size:], sessions.ends_at(kept)
                found.append(Record("session", key, {"key": key, "value": value, "ends_at": ends_at}))
    return found


def _read_counters(talks: Talks) -> list[Record]:
    found = entries.all_counters(talks)
    return [Record("counter", key, {"key": key, "value": value, "ends_at": ends_at}) for key, value, ends_at in found]


def _read_talks(talks: Talks, file: IO[bytes], places: dict[str, _Place], ids: list[str]) -> None:
    for id in ids:
        start = file.seek(0, 2)
        with contextlib.suppress(NotFound):  # deleted meanwhile: the next round sees that
            kept, records = whole(talks, id)
            for record in records:
                _write(file, record)
            places[id] = _Place(start, file.tell(), kept.revision, kept.about.owner, kept.place)


def whole(talks: Talks, id: str) -> tuple[Kept, Iterator[Record]]:
    """A conversation and its records, as at one moment. Raises NotFound, also while its files are being read."""
    names = Keys(id)
    reply, joined, asked, filed = talks.server.run(WHOLE, [names.base, names.messages, names.requests, names.files])
    kept = talks.mine(reply, None, deleted=True)
    return kept, _of(talks, kept, joined, asked, filed)


def _of(talks: Talks, kept: Kept, joined: bytes, asked: list[bytes], filed: list[bytes]) -> Iterator[Record]:
    id = kept.about.id
    yield Record("conversation", id, asdict(kept.about) | {"deleted_at": kept.deleted_at})
    said = sorted(messages_from(joined), key=lambda message: message.number)
    for message in said:
        fields = {name: value for name, value in asdict(message).items() if name not in NEVER_KEPT}
        yield Record("message", message.id, fields | {"conversation": id})
    requests = {text(message): unpacked(value) for message, value in zip(asked[::2], asked[1::2], strict=True)}
    for message in said:
        if message.id in requests:
            yield Record("request", message.id, {"message": message.id, "value": requests[message.id]})
    for value in sorted(map(unpacked, filed[1::2]), key=lambda value: value["number"]):
        file = value["file"]["id"]
        parts = {"text": text(files.read(talks, id, file, "text")), "data": files.read(talks, id, file, "data")}
        yield Record("file", file, value["file"] | {"conversation": id} | parts)
    if kept.share is not None:
        yield Record("share", kept.share.token, asdict(kept.share))


def _write(file: IO[bytes], record: Record) -> None:
    """A line of JSON, behind it the bytes that JSON cannot hold."""
    apart = {name: value for name, value in record.fields.items() if isinstance(value, bytes)}
    plain = {name: value for name, value in record.fields.items() if name not in apart}
    sizes = {name: len(value) for name, value in apart.items()}
    file.write(json.dumps([record.kind, record.id, plain, sizes]).encode() + b"\n")
    for value in apart.values():
        file.write(value)


def _records(file: IO[bytes], place: _Place) -> Iterator[Record]:
    at = place.start
    while at < place.end:
        file.seek(at)
        kind: Kind
        kind, id, fields, sizes = json.loads(file.readline())
        apart: dict[str, Any] = {name: file.read(size) for name, size in sizes.items()}
        at = file.tell()
        yield Record(kind, id, fields | apart)


