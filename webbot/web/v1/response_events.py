"""The events of a response that grows, numbered in their order, and the response at its end."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

from webbot.chat.responding import Part
from webbot.errors import Problem
from webbot.messages import Cancelled, Delta, Finished, Usage
from webbot.web.sending import close
from webbot.web.v1.response_object import Draft, State, item, part, response_object
from webbot.web.v1.stream import Chunk

PATIENCE_SECONDS = 1.5  # a problem within this time is told with its status, before the first event


def whole_response(draft: Draft, parts: Sequence[Part]) -> dict[str, Any]:
    """The response of an answer that has ended."""
    text = "".join(found.text for found in parts if isinstance(found, Delta))
    status, usage = _end(parts[-1])
    return response_object(draft, status, text, usage=usage)


def response_events(draft: Draft, parts: Iterator[Part | None]) -> Iterator[Chunk]:
    """(name, event) as the answer grows, None while nothing comes. A Problem that comes at once is raised."""
    try:
        first: Part | None = None
        until = time.monotonic() + PATIENCE_SECONDS
        for first in parts:
            if first is not None or time.monotonic() > until:
                break
            yield None
        yield from _numbered(_events(draft, itertools.chain([first], parts)))
    finally:
        close(parts)


def _numbered(events: Iterator[dict[str, Any] | None]) -> Iterator[Chunk]:
    numbers = itertools.count()
    for event in events:
        yield None if event is None else (event["type"], {**event, "sequence_number": next(numbers)})


def _events(draft: Draft, parts: Iterator[Part | None]) -> Iterator[dict[str, Any] | None]:
    place = {"item_id": f"msg_{draft.message}", "output_index": 0, "content_index": 0}
    begun = response_object(draft, "in_progress")
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    yield {"type": "response.output_item.added", "output_index": 0, "item": item(draft, "", "in_progress", empty=True)}
    yield {"type": "response.content_part.added", **place, "part": part("")}
    text: list[str] = []
    end: Part | None = None
    try:
        for end in parts:
            if isinstance(end, Delta):
                text.append(end.text)
                yield {"type": "response.output_text.delta", **place, "delta": end.text, "logprobs": []}
            elif end is None:
                yield None
    except Problem as problem:
        failed = response_object(draft, "failed", "".join(text), error=str(problem))
        yield {"type": "response.failed", "response": failed}
        return
    status, usage = _end(end)
    said = "".join(text)
    yield {"type": "response.output_text.done", **place, "text": said, "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": part(said)}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item(draft, said, status)}
    name = "response.completed" if status == "completed" else "response.incomplete"
    yield {"type": name, "response": response_object(draft, status, said, usage=usage)}


def _end(last: Part | None) -> tuple[State, Usage | None]:
    if isinstance(last, Finished):
        return ("incomplete" if last.reason == "length" else "completed"), last.usage
    return ("cancelled" if isinstance(last, Cancelled) else "failed"), None
