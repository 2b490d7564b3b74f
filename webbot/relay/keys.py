"""What stands in Redis, by its names, and the steps there that must be one.

Of each conversation: `stream` has its news, `running` (a hash) and `text` the running answer as it stands, `lease` the process
whose turn it is, `here` how many listen in which process. Everything ends by itself when nobody renews it.
"""

from __future__ import annotations

LEASE_SECONDS = 9.0  # a turn of a process that was killed ends after so long
RENEW_SECONDS = 2.0
KEEP_SECONDS = 3600  # what was told is kept so long after the last news
MOST_ENTRIES = 5000  # of a stream; with 20 ms between two of an answer that is more than a minute
PRESENCE_SECONDS = 15
SWEEP_SECONDS = 10

PREFIX = "webbot:relay:"
PROCESSES = f"{PREFIX}processes"  # a sorted set: each web process, and when it was last seen
TURNS = f"{PREFIX}turns"  # a set: the conversations that may have a lease
SWEEPING = f"{PREFIX}sweeping"


def stream(key: str) -> str:
    return f"{PREFIX}stream:{key}"


def running(key: str) -> str:
    return f"{PREFIX}running:{key}"


def text(key: str) -> str:
    return f"{PREFIX}text:{key}"


def lease(key: str) -> str:
    return f"{PREFIX}lease:{key}"


def here(key: str) -> str:
    return f"{PREFIX}here:{key}"


def waker(process: str) -> str:
    return f"{PREFIX}waker:{process}"


# KEYS: lease, turns, running, text. ARGV: token, milliseconds, the conversation. Nothing when the turn is somebody else's; else
# the answer that a process which is gone left behind, or "".
CLAIM = """
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
redis.call('SADD', KEYS[2], ARGV[3])
local left = redis.call('HGET', KEYS[3], 'answer')
redis.call('DEL', KEYS[3], KEYS[4])
return left or ''
"""

# KEYS: lease, turns. ARGV: as CLAIM. 1 when the turn is still the caller's: also when Redis forgot it.
RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[3])
return 1
"""

# KEYS: lease, turns. ARGV: token, the conversation.
RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], ARGV[2])
return 1
"""

# KEYS: turns. ARGV: the prefix of leases. The conversations with a lease.
CLAIMED = """
local held = {}
for _, key in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[1] .. key) == 1 then held[#held + 1] = key else redis.call('SREM', KEYS[1], key) end
end
return held
"""

# KEYS: lease, running, text, stream. ARGV: answer, the entry that tells its end. 1 when it was told now, 0 when somebody writes
# the answer or another one, -1 when nothing is known of it.
END = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local answer = redis.call('HGET', KEYS[2], 'answer')
if answer ~= ARGV[1] then return answer and 0 or -1 end
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('XADD', KEYS[4], '*', 'e', ARGV[2])
return 1
"""

# KEYS: processes. ARGV: process, seconds. The processes that live, the caller among them.
LIVE = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""

# KEYS: sweeping. ARGV: token.
SWEPT = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
