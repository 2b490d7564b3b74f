"""How the vocabulary of messages.py is written in Redis, and read: JSON without what is as it always is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

from webbot.messages import Conversation, File, Message, Share, Usage
from webbot.store.redis_keys import raw, text
from webbot.store.rules import storable

NEVER_KEPT = frozenset({"tool_calls", "tool_call"})
DEFAULTS = {
    kind: {field.name: field.default for field in fields(kind) if field.default is not MISSING} for kind in (Message, File)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A conversation as it is kept. `last` is the highest number of its messages, `streaming` the id of the answer that is
    being written; `revision` is the number of its last change in the whole store, "" for one that is not there yet."""

    about: Conversation
    last: int = 0
    streaming: str = ""
    share: Share | None = None
    deleted_at: float | None = None
    place: int = 0
    revision: str = ""


def packed(value: Any) -> bytes:
    return raw(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def unpacked(value: bytes) -> Any:
    return json.loads(text(value))


def kept_value(kept: Kept) -> bytes:
    more = {"last": kept.last, "streaming": kept.streaming, "deleted_at": kept.deleted_at,
            "share": None if kept.share is None else asdict(kept.share)}
    return packed(asdict(kept.about) | {"more": more})


def kept_from(about: bytes, place: bytes | None, revision: bytes) -> Kept:
    values = unpacked(about)
    more = values.pop("more")
    if more["share"] is not None:
        more["share"] = Share(**more["share"])
    return Kept(about=Conversation(**values), place=int(place or 0), revision=revision.decode(), **more)


def conversations_from(joined: bytes) -> list[Conversation]:
    """From a JSON list of what `kept_value` made."""
    return [_conversation(values) for values in unpacked(joined)]


def _conversation(values: dict[str, Any]) -> Conversation:
    del values["more"]
    return Conversation(**values)


def clean_message(message: Message) -> Message:
    """With the values that it is kept with."""
    return replace(
        message, text=storable(message.text), error=storable(message.error), counted_by=storable(message.counted_by),
        cut_for=storable(message.cut_for), spoken=dict(message.spoken), tool_calls=(), tool_call="",
    )


def message_value(message: Message) -> bytes:
    """Of a clean message."""
    return packed(_short(message, NEVER_KEPT))


def message_from(values: dict[str, Any]) -> Message:
    if values.get("usage") is not None:
        values["usage"] = Usage(**values["usage"])
    return Message(**values)


def messages_from(joined: bytes) -> list[Message]:
    """From a JSON list of messages."""
    return [message_from(values) for values in unpacked(joined)]


def file_value(file: File) -> bytes:
    return packed(_short(file, frozenset()))


def file_from(value: bytes) -> File:
    return File(**unpacked(value))


def _short(value: Message | File, without: frozenset[str]) -> dict[str, Any]:
    defaults: Mapping[str, Any] = DEFAULTS[type(value)]
    found = {field.name: getattr(value, field.name) for field in fields(value) if field.name not in without}
    short = {name: part for name, part in found.items() if name not in defaults or part != defaults[name]}
    if short.get("usage") is not None:
        short["usage"] = asdict(short["usage"])
    if not short.get("spoken", True):
        del short["spoken"]
    return short


def portions(values: Sequence[Any], size: int = 500) -> list[Sequence[Any]]:
    return [values[start:start + size] for start in range(0, len(values), size)]
