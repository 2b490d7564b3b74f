"""What runs in the server for entries and counters, as redis_scripts.py. redis_entries.py says how an entry is kept."""

from __future__ import annotations

from webbot.store.redis_scripts import GATE
from webbot.store.redis_server import Script

# Takes an entry out of the lists, once it is out of its hash; ends some of those whose end has come, and says how many.
UNLISTED = """
local function unlisted(prefix, kind, id, kept, name)
  local length, from = string.match(kept, '^%d+ %S+ (%d+):()')
  local named = #kind .. ':' .. kind
  redis.call('SREM', prefix .. 'owned:' .. named .. string.sub(kept, from, from + tonumber(length) - 1), id)
  redis.call('ZREM', prefix .. 'ending', name)
end
local function end_some(prefix, now)
  local names = redis.call('ZRANGEBYSCORE', prefix .. 'ending', '-inf', now, 'LIMIT', 0, 100)
  for _, name in ipairs(names) do
    local length, from = string.match(name, '^(%d+):()')
    local kind = string.sub(name, from, from + tonumber(length) - 1)
    local id = string.sub(name, from + tonumber(length))
    local hash = prefix .. 'entries:' .. kind
    local kept = redis.call('HGET', hash, id)
    redis.call('HDEL', hash, id)
    if kept then unlisted(prefix, kind, id, kept, name) else redis.call('ZREM', prefix .. 'ending', name) end
    if redis.call('EXISTS', hash) == 0 then redis.call('SREM', prefix .. 'kinds', kind) end
  end
  return #names
end
"""

# KEYS 3 entries of the kind, 4 the owner's of the kind, 5 kinds, 6 ending. ARGV 3 id, 4 what is kept now, or "" for nothing,
# 5 what is kept then, 6 when it ends (ms since 1970; 2^53 never), 7 now (ms), 8 kind, 9 name, 10 what stands before all keys.
PUT_ENTRY = Script(GATE + UNLISTED + """
local was, ended = redis.call('HGET', KEYS[3], ARGV[3]), false
if was == ARGV[5] then return 1 end
if was then
  local ends = redis.call('ZSCORE', KEYS[6], ARGV[9])
  ended = ends and tonumber(ends) <= tonumber(ARGV[7])
end
if ended and ARGV[4] == '' then
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[5])
  unlisted(ARGV[10], ARGV[8], ARGV[3], was, ARGV[9])
elseif ended or (was or '') ~= ARGV[4] then return 0
else redis.call('HSET', KEYS[3], ARGV[3], ARGV[5]) end
redis.call('SADD', KEYS[4], ARGV[3])
redis.call('SADD', KEYS[5], ARGV[8])
if tonumber(ARGV[6]) < 2^53 then redis.call('ZADD', KEYS[6], ARGV[6], ARGV[9]) else redis.call('ZREM', KEYS[6], ARGV[9]) end
end_some(ARGV[10], ARGV[7])
return 1
""")

# KEYS 3 entries of the kind, 4 ending, 5 kinds, 6 done. ARGV 3 id, 4 now (ms), 5 kind, 6 name, 7 what stands before all keys.
DELETE_ENTRY = Script(GATE + UNLISTED + """
if redis.call('EXISTS', KEYS[6]) == 1 then return 1 end
local kept, ends = redis.call('HGET', KEYS[3], ARGV[3]), redis.call('ZSCORE', KEYS[4], ARGV[6])
if not kept then return 0 end
redis.call('HDEL', KEYS[3], ARGV[3])
unlisted(ARGV[7], ARGV[5], ARGV[3], kept, ARGV[6])
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('SREM', KEYS[5], ARGV[5]) end
if ends and tonumber(ends) <= tonumber(ARGV[4]) then return 0 end
redis.call('SET', KEYS[6], 1, 'PX', 10000)
return 1
""")

# KEYS 1 entries of a kind, 2 those of an owner.
ENTRIES_OF = Script("""
local found = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local kept = redis.call('HGET', KEYS[1], id)
  if kept then found[#found + 1] = kept end
end
return found
""")

# KEYS 3 counters, 4 the counter, 5 done. ARGV 3 key, 4 amount, 5 when it ends (s since 1970), 6 the same in ms, 7 now (ms),
# 8 what stands before a key.
ADD_UP = Script(GATE + """
local done = redis.call('GET', KEYS[5])
if done then return done end
local ends = redis.call('HGET', KEYS[4], 'ends_at')
if ends and tonumber(ends) * 1000 <= tonumber(ARGV[7]) then redis.call('HSET', KEYS[4], 'value', ARGV[4])
else redis.call('HINCRBY', KEYS[4], 'value', ARGV[4]) end
redis.call('HSET', KEYS[4], 'ends_at', ARGV[5])
local value = redis.call('HGET', KEYS[4], 'value')
redis.call('PEXPIREAT', KEYS[4], ARGV[6])
redis.call('ZADD', KEYS[3], ARGV[6], ARGV[3])
redis.call('SET', KEYS[5], value, 'PX', 10000)
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[7], 'LIMIT', 0, 100)) do
  redis.call('UNLINK', ARGV[8] .. key)
  redis.call('ZREM', KEYS[3], key)
end
return value
""")

# Begins to fill a store in which nothing is, under a hold that was taken. KEYS 1 about, 2 hold, 3 conversations, 4 sessions,
# 5 counters, 6 kinds. ARGV 2 whose hold, 3 now (ms), 4 what stands before all keys.
BEGIN_FILLING = Script(GATE + UNLISTED + """
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', ARGV[3])
while end_some(ARGV[4], ARGV[3]) > 0 do end
local lists = redis.call('ZCARD', KEYS[3]) + redis.call('ZCARD', KEYS[4]) + redis.call('ZCARD', KEYS[5])
if lists + redis.call('SCARD', KEYS[6]) > 0 then return 'FULL' end
redis.call('HSET', KEYS[1], 'filling', ARGV[2])
return 1
""")

# How many entries of a kind are missing in a list. KEYS 1 entries of the kind, 2 kinds. ARGV 2 kind, 3 what stands before all
# keys.
UNLISTED_ENTRIES = Script("""
local missing, all = 0, redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local length, from = string.match(all[at + 1], '^%d+ %S+ (%d+):()')
  local owner = length and string.sub(all[at + 1], from, from + tonumber(length) - 1)
  local owned = owner and ARGV[3] .. 'owned:' .. #ARGV[2] .. ':' .. ARGV[2] .. owner
  if not owned or redis.call('SISMEMBER', owned, all[at]) == 0 then missing = missing + 1 end
end
if #all > 0 and redis.call('SISMEMBER', KEYS[2], ARGV[2]) == 0 then missing = missing + #all / 2 end
return missing
""")

# How many ids of an owner's list of a kind are no entries. KEYS 1 the list, 2 entries of the kind.
NO_ENTRIES = Script("""
local missing = 0
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('HEXISTS', KEYS[2], id) == 0 then missing = missing + 1 end
end
return missing
""")

# How many names of what ends are no entries. KEYS 1 ending. ARGV 2 what stands before the kind in a key.
NOT_ENDING = Script("""
local missing = 0
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local length, from = string.match(name, '^(%d+):()')
  local after = from + tonumber(length)
  local key = ARGV[2] .. string.sub(name, from, after - 1)
  if redis.call('HEXISTS', key, string.sub(name, after)) == 0 then missing = missing + 1 end
end
return missing
""")
