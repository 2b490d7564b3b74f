"""How news stand in Redis: JSON of the values of webbot/news.py, and who told them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from webbot import values
from webbot.messages import Delta, Preparing, Queued, Window
from webbot.news import Began, Heard, News, Running

SEPARATORS = (",", ":")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a conversation's stream. `origin` is the process that told it, `number` counts what that one tells. `direct`:
    whoever listens in that process knows it already. `stop` asks for the end of the answer with that id instead."""

    origin: str
    number: int
    direct: bool = False
    news: News | None = None
    stop: str | None = None


def encode(value: Any) -> str:
    return json.dumps(values.pack(value), ensure_ascii=True, separators=SEPARATORS)


def decode(kind: Any, text: bytes | str) -> Any:
    """Raises ValueError for anything that `encode` did not make, such as what a newer version tells."""
    return values.unpack(kind, json.loads(text))


def gathered(first: News, second: News) -> News | None:
    """Two news in one, where that is the same: pieces of one answer, or the same said twice."""
    if isinstance(first, Heard) and isinstance(second, Heard) and first.answer == second.answer:
        one, other = first.event, second.event
        if isinstance(one, Delta) and isinstance(other, Delta):
            return Heard(first.answer, Delta(one.text + other.text, one.tokens + other.tokens))
        return None
    return second if first == second and not isinstance(first, Began | Heard) else None


def state_of(running: Running) -> dict[str, str]:
    """A running answer as the fields of a hash, but for its text."""
    told = {"answer": running.began.answer.id, "began": encode(running.began), "window": "", "preparing": "", "queued": ""}
    if running.window is not None:
        told["window"] = encode(running.window)
    if running.preparing is not None:
        told["preparing"] = encode(running.preparing)
    if running.queued is not None:
        told["queued"] = encode(running.queued)
    return told


def running_of(state: dict[bytes, bytes], text: bytes | None) -> Running | None:
    """The running answer of such fields and its text; None where there is none, or none that can be read."""
    if not state.get(b"began"):
        return None
    try:
        running = Running(decode(Began, state[b"began"]), parts=[(text or b"").decode("utf-8", "surrogatepass")])
        running.window = decode(Window, state[b"window"]) if state.get(b"window") else None
        running.preparing = decode(Preparing, state[b"preparing"]) if state.get(b"preparing") else None
        running.queued = decode(Queued, state[b"queued"]) if state.get(b"queued") else None
    except ValueError:
        return None
    return running
