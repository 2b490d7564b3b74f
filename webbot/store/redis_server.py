"""The Redis server as a place: what is asked within a time, once more after a broken connection, and what its errors mean.

Everything that is asked here may be asked twice with the same outcome as once. A script that writes is told until when it may:
a server that was away for longer does not do what nobody waits for any more. It knows nothing of conversations.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as ServerTimeoutError

from webbot.errors import Unavailable
from webbot.store.redis_address import RedisAddress
from webbot.store.redis_connections import LEAST, Command, Connections, Lent
from webbot.store.redis_trouble import AWAY, code, meaning

PATIENCE = 1.7  # seconds for one question to the server, connecting and a second try included
PAUSE = 0.05  # seconds before the second try
LATE = b"LATE"


@dataclass(frozen=True)
class Script:
    """A program in Lua that runs in the server as one step. Its first argument is until when, in ms of the server's clock."""

    text: str = field(repr=False)
    sha: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())


class Server:
    """The server at `address`. Raises Unavailable when it is away, DiskFull when it cannot write."""

    def __init__(self, address: RedisAddress) -> None:
        self._connections = Connections(address)

    def ask(self, *commands: Command) -> list[Any]:
        """The replies to the commands, which are sent together: bytes, numbers, None, lists of these."""
        return self._settled(lambda lent, until: lent.ask(commands, until))

    def run(self, script: Script, keys: Sequence[bytes], *arguments: bytes | str | int | float) -> Any:
        """The reply of the script."""
        def work(lent: Lent, until: float) -> list[Any]:
            rest = (len(keys), *keys, int((until + lent.ahead) * 1000), *arguments)
            replies = lent.ask([("EVALSHA", script.sha, *rest)], until)
            if isinstance(replies[0], NoScriptError):
                replies = lent.ask([("EVAL", script.text, *rest)], until)
            return replies

        (reply,) = self._settled(work)
        if reply == LATE:
            raise Unavailable(AWAY, retry_after=2)
        return reply

    def close(self) -> None:
        self._connections.close()

    def _settled(self, work: Callable[[Lent, float], list[Any]]) -> list[Any]:
        """What `work` got; once more with fresh connections where these lead to a server that is the main one no longer, or its
        clock and ours went apart since they were made."""
        replies = self._exchange(work)
        if LATE in replies or any(isinstance(reply, ResponseError) and code(reply) == "READONLY" for reply in replies):
            self._connections.renew()
            replies = self._exchange(work)
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise meaning(reply) from reply
        return replies

    def _exchange(self, work: Callable[[Lent, float], Any]) -> Any:
        until = time.monotonic() + PATIENCE
        try:
            return self._attempt(work, until)
        except (RedisError, OSError) as error:
            if isinstance(error, ServerTimeoutError) or code(error) or time.monotonic() + PAUSE + LEAST > until:
                raise meaning(error) from error
        time.sleep(PAUSE)
        try:
            return self._attempt(work, until)
        except (RedisError, OSError) as error:
            raise meaning(error) from error

    def _attempt(self, work: Callable[[Lent, float], Any], until: float) -> Any:
        try:
            with self._connections.lent(until) as lent:
                return work(lent, until)
        except (RedisError, OSError):
            self._connections.renew()
            raise
