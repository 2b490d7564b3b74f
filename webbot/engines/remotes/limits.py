"""How long a model server is waited for, and when it is left alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """In seconds. `connect` is for a connection, `idle` for the time between two tokens, `look` for each question what the server
    is, `count` for counting the tokens of some texts.

    A server that failed `failures` times in a row rests for `rest`. One that cannot be reached is looked for again after `retry`,
    one that can after `fresh`, when somebody needs it. `jitter` is the longest pause before a request is sent a second time.
    """

    connect: float = 5.0
    idle: float = 30.0
    look: float = 5.0
    count: float = 5.0
    failures: int = 5
    rest: float = 30.0
    retry: float = 3.0
    fresh: float = 60.0
    jitter: float = 0.6
