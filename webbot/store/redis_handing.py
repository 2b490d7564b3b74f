"""All conversations of an owner given to another one, in one step."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace

from webbot.errors import Conflict, NotFound
from webbot.store import redis_keys as keys
from webbot.store.redis_keys import Keys, raw, text
from webbot.store.redis_scripts import GATE, PINNED
from webbot.store.redis_server import Script
from webbot.store.redis_talks import PATIENCE, Talks, pause
from webbot.store.redis_values import Kept, clean_message, kept_value, message_value, portions
from webbot.store.rules import CHANGED

# All conversations of an owner become another one's, when each is as it was read and there are no others.
# KEYS 3 all conversations, 4 and 5 list and titles of the owner, 6 and 7 of the other one, 8 running, 9 done. ARGV 3 how many
# were in the list, 4 who commits, 5 what stands before an id in a key, 6 what stands behind it, then six for each, in the order
# of their places: id, revision, its new `about`, what is added to its place, or "" for a deleted one, the answer that was running
# and its new value, or "" twice.
HAND_OVER = Script(GATE + """
local done = redis.call('GET', KEYS[9])
if done then return tonumber(done) end
if redis.call('ZCARD', KEYS[4]) ~= tonumber(ARGV[3]) then return 'CHANGED' end
local count = 0
for at = 7, #ARGV, 6 do
  if redis.call('HGET', ARGV[5] .. ARGV[at] .. ARGV[6], 'revision') ~= ARGV[at + 1] then return 'CHANGED' end
  count = count + 1
end
if count == 0 then return 0 end
local number = redis.call('HINCRBY', KEYS[1], 'changes', count) - count
for at = 7, #ARGV, 6 do
  local id, added = ARGV[at], ARGV[at + 3]
  local key = ARGV[5] .. id .. ARGV[6]
  number = number + 1
  redis.call('HSET', key, 'about', ARGV[at + 2], 'revision', number, 'place', number, 'commit', ARGV[4])
  redis.call('ZADD', KEYS[3], number, id)
  if added ~= '' then
    redis.call('ZADD', KEYS[6], number + tonumber(added), id)
    local title = redis.call('HGET', KEYS[5], id)
    if title then redis.call('HSET', KEYS[7], id, title) end
  end
  if ARGV[at + 4] ~= '' then
    redis.call('HSET', key .. ':messages', ARGV[at + 4], ARGV[at + 5])
    redis.call('SREM', KEYS[8], id)
  end
end
redis.call('UNLINK', KEYS[4], KEYS[5])
redis.call('SET', KEYS[9], count, 'PX', 10000)
return count
""")


def hand_over(talks: Talks, owner: str, to: str) -> int:
    """How many. They are read, and written only where all of them still are as they were read; else it begins anew."""
    if owner == to:
        return 0
    until, call = time.monotonic() + PATIENCE, secrets.token_urlsafe(12)
    names = [
        keys.ABOUT, keys.HOLD, keys.CONVERSATIONS, keys.owners_list(owner), keys.owners_titles(owner), keys.owners_list(to),
        keys.owners_titles(to), keys.RUNNING, keys.done(call),
    ]
    while True:
        listed, found = _all_of(talks, owner)
        with contextlib.suppress(NotFound):
            words = [word for kept in found for word in _words(talks, kept, to)]
            reply = talks.write(HAND_OVER, names, talks.hold, listed, call, keys.PREFIX + b"{", b"}", *words, until=until)
            if reply != b"CHANGED":
                return int(reply)
        pause(until, Conflict(CHANGED))


def _all_of(talks: Talks, owner: str) -> tuple[int, list[Kept]]:
    """How many are in the owner's list, and all of them with the deleted ones, in the order of their places."""
    listed, deleted = talks.server.ask(("ZRANGE", keys.owners_list(owner), 0, -1), ("ZRANGE", keys.DELETED, 0, -1))
    found = []
    for portion in portions([*listed, *deleted]):
        for reply in talks.server.ask(*(("HMGET", Keys(text(id)).base, "about", "place", "revision") for id in portion)):
            try:
                found.append(talks.mine(reply, owner, deleted=True))
            except NotFound:  # another owner's, or gone meanwhile
                continue
    return len(listed), sorted({kept.about.id: kept for kept in found}.values(), key=lambda kept: kept.place)


def _words(talks: Talks, kept: Kept, to: str) -> Sequence[bytes | str | int]:
    """What the script needs of that conversation. A running answer is stopped where it is: whoever writes it does so for the
    owner that it had. Raises NotFound when it was deleted meanwhile."""
    about, answer, value = kept.about, b"", b""
    if kept.streaming:
        _, running = talks.one(None, about.id, kept.streaming)
        answer, value = raw(running.id), message_value(clean_message(replace(running, status="stopped")))
    new = replace(kept, about=replace(about, owner=to, version=about.version + 1), streaming="")
    added: int | str = "" if kept.deleted_at is not None else (PINNED if about.pinned else 0)
    return raw(about.id), kept.revision, kept_value(new), added, answer, value
