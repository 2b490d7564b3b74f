"""The connections to Redis: short limits, no tries behind one's back, and a line in the log when it goes and when it is back."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from webbot.errors import SettingsError

CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 2.0
MOST = 8  # connections for what is asked; an answer takes less than a millisecond
log = logging.getLogger(__name__)


def connected(url: str, seconds: float = ANSWER_SECONDS) -> redis.Redis:
    """A client whose answers may take so long; it connects when it is first used. Raises SettingsError for a URL that is none."""
    options: dict[str, Any] = {} if url.startswith("unix:") else {"socket_keepalive": True}
    try:
        pool = redis.BlockingConnectionPool.from_url(
            _plain(url), max_connections=MOST, timeout=CONNECT_SECONDS, socket_timeout=seconds,
            socket_connect_timeout=CONNECT_SECONDS, retry=Retry(NoBackoff(), 0), protocol=2, decode_responses=False, **options,
        )
    except (ValueError, TypeError, redis.RedisError):
        raise SettingsError("The address of the Redis is none: redis://HOST/0 is needed.") from None
    return redis.Redis.from_pool(pool)  # which it closes


def _plain(url: str) -> str:
    """The URL without what only a store asks: whether the server keeps a log of its changes."""
    address, mark, asked = url.partition("?")
    kept = "&".join(part for part in asked.split("&") if not part.startswith("aof="))
    return f"{address}?{kept}" if mark and kept else address


class Health:
    """Whether Redis answers. What it knows of leases can be believed once whoever holds one had the time to renew it."""

    def __init__(self, settle_seconds: float) -> None:
        self.settle_seconds = settle_seconds
        self.up = True
        self._lock = threading.Lock()
        self._trusted_from = time.monotonic() + settle_seconds

    def good(self) -> None:
        with self._lock:
            if not self.up:
                self.up = True
                self._trusted_from = time.monotonic() + self.settle_seconds
                log.warning("Redis answers again")

    def bad(self, error: Exception) -> None:
        with self._lock:
            if self.up:
                log.error("Redis does not answer (%s): other web processes hear nothing of this one", type(error).__name__)
            self.up = False

    def old(self, uptime: float) -> None:
        """Redis has been up for so long already."""
        self._trusted_from = min(self._trusted_from, time.monotonic() + max(0.0, self.settle_seconds - uptime))

    @property
    def trusted(self) -> bool:
        return self.up and time.monotonic() >= self._trusted_from
