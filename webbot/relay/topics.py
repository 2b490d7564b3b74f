"""What a web process knows of a conversation that somebody here listens to, or whose answer it writes, and what Redis knows."""

from __future__ import annotations

from dataclasses import dataclass, field

import redis

from webbot.news import Running
from webbot.relay import keys
from webbot.relay.wire import running_of

BEGINNING = "0-0"


@dataclass(slots=True)
class Topic:
    """`position` is the id of the last entry of the stream that was heard here, "" while that is not known; `numbers` the last
    one heard of each process. What this process told itself after the number `since` its listeners heard at once. `followers`
    counts the listeners and the turn of this process."""

    position: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    followers: int = 0
    since: int = 0
    missing_since: float = 0.0  # Redis, which was empty, has not heard yet of the answer that runs
    given_up: bool = False  # nor will it


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What Redis knows of a conversation at one moment: the running answer, who tells it up to which number, whether that process
    holds the turn, and the last entry of the stream."""

    running: Running | None
    origin: str
    number: int
    held: bool
    position: str

    def topic(self) -> Topic:
        return Topic(position=self.position, numbers={self.origin: self.number} if self.origin else {})


def known_of(client: redis.Redis, key: str) -> Known:
    """Raises redis.RedisError."""
    with client.pipeline(transaction=True) as pipe:
        pipe.hgetall(keys.running(key))
        pipe.get(keys.text(key))
        pipe.xrevrange(keys.stream(key), count=1)
        pipe.exists(keys.lease(key))
        state, text, last, held = pipe.execute()
    return Known(
        running=running_of(state, text), origin=state.get(b"origin", b"").decode(), number=int(state.get(b"number") or 0),
        held=bool(held), position=last[0][0].decode() if last else BEGINNING,
    )


def is_after(one: str, other: str) -> bool:
    """Whether an entry with the id `one` comes after `other`."""
    return _parts(one) > _parts(other)


def _parts(position: str) -> tuple[int, int]:
    milliseconds, _, number = position.partition("-")
    return int(milliseconds), int(number or 0)
