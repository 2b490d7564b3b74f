"""The stores that the contract is tested over; a new store is one more entry: name -> what opens it in a folder.

The same folder is the same store again, another folder is another, empty one. An opener skips the test, with the reason, where
its server's programs are not installed.
"""

from __future__ import annotations

from tests.servers import postgres_url, redis_url
from webbot.store.redis import RedisStore
from webbot.store.sql import SqlStore

STORES = {
    "sqlite": lambda folder: SqlStore(f"sqlite:///{folder}/webbot.db"),
    "postgresql": lambda folder: SqlStore(postgres_url(folder)),
    "redis": lambda folder: RedisStore(redis_url(folder)),
}
SEARCHING_TEXTS = [name for name in STORES if name != "redis"]  # the others search titles only
