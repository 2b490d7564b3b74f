"""What runs in the server as one step, in Lua. The first argument is always until when, in ms of the server's clock.

A script that writes looks at everything first, and its first write is one that a full server refuses: so it is done whole or
not at all. One that frees memory begins with a write that a full server permits, and then may do all.
"""

from __future__ import annotations

from webbot.store.redis_server import Script

PINNED = 2**52  # added to the place of a pinned conversation in its owner's list
LEAST_PINNED = PINNED // 2  # no place is as large, and none as small with PINNED added: places may be less than 0

# Whether a script may write now: not too late, and nobody else reads or fills everything. KEYS 1 about, 2 hold; ARGV 2 whose
# hold is ours.
GATE = """
local now = redis.call('TIME')
if now[1] * 1000 + now[2] / 1000 > tonumber(ARGV[1]) then return 'LATE' end
local filling, hold = redis.call('HGET', KEYS[1], 'filling'), redis.call('GET', KEYS[2])
if filling and filling ~= ARGV[2] then return 'FILLING' end
if hold and hold ~= ARGV[2] then return 'HELD' end
"""

# A change of one conversation, when it is still as it was read; or of nothing, which tells whether it is.
# KEYS 3 all conversations, 4 the conversation, 5 its owner's list, then those that must be there, then those that are written.
# ARGV 3 who commits, 4 id, 5 revision, 6 "frees" or "", 7 what is added to its place, or "" to leave it, 8 the new `about`, or
# "" to delete it, 9 how many must be there, 10 what its place is multiplied by: 1, or -1 for one below all others, then commands,
# each behind the number of its words.
COMMIT = Script(GATE + """
local was = redis.call('HMGET', KEYS[4], 'revision', 'commit')
if was[2] == ARGV[3] then return 'DONE' end
if (was[1] or '') ~= ARGV[5] then return 'CHANGED' end
local needed = tonumber(ARGV[9])
if needed > 0 and redis.call('EXISTS', unpack(KEYS, 6, 5 + needed)) ~= needed then return 'LOST' end
if ARGV[6] ~= '' then redis.call('HDEL', KEYS[1], '') end
local number = redis.call('HINCRBY', KEYS[1], 'changes', 1)
if ARGV[8] == '' then
  redis.call('ZREM', KEYS[3], ARGV[4])
  redis.call('UNLINK', KEYS[4])
else
  redis.call('HSET', KEYS[4], 'about', ARGV[8], 'revision', number, 'commit', ARGV[3])
  redis.call('ZADD', KEYS[3], number, ARGV[4])
  if ARGV[7] ~= '' then
    local place = number * tonumber(ARGV[10])
    redis.call('HSET', KEYS[4], 'place', place)
    redis.call('ZADD', KEYS[5], place + tonumber(ARGV[7]), ARGV[4])
  end
end
local at = 11
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, at + words))
  at = at + words + 1
end
return number
""")

JOINED = """
local function joined(key, fields)
  local parts = {}
  for at = 1, #fields, 1000 do
    for _, value in ipairs(redis.call('HMGET', key, unpack(fields, at, math.min(at + 999, #fields)))) do
      if value then parts[#parts + 1] = value end
    end
  end
  return '[' .. table.concat(parts, ',') .. ']'
end
"""

# KEYS 1 the conversation, 2 branch, 3 messages. ARGV 2 the least number, 3 "(" and the number before which, 4 how many at most.
PAGE = Script(JOINED + """
local about = redis.call('HMGET', KEYS[1], 'about', 'place', 'revision')
local ids = redis.call('ZREVRANGEBYSCORE', KEYS[2], ARGV[3], ARGV[2], 'LIMIT', 0, ARGV[4])
return {about, joined(KEYS[3], ids)}
""")

# KEYS 1 the conversation, 2 messages. ARGV 2... ids.
SOME = Script(JOINED + """
return {redis.call('HMGET', KEYS[1], 'about', 'place', 'revision'), joined(KEYS[2], {unpack(ARGV, 2)})}
""")

# The pinned messages of the branch with the one before and the one after each. KEYS 1 the conversation, 2 pinned, 3 branch,
# 4 messages.
HELD = Script(JOINED + """
local found, ids = {}, {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local rank = redis.call('ZRANK', KEYS[3], id)
  if rank then
    for _, near in ipairs(redis.call('ZRANGE', KEYS[3], math.max(rank - 1, 0), rank + 1)) do
      if not found[near] then found[near] = true; ids[#ids + 1] = near end
    end
  end
end
return {redis.call('HMGET', KEYS[1], 'about', 'place', 'revision'), joined(KEYS[4], ids)}
""")

# How all messages follow one another, as one text: lines of "PARENT NUMBER:ID NUMBER:ID ...". KEYS 1 the conversation,
# 2 children.
TREE = Script("""
local lines, all = {}, redis.call('HGETALL', KEYS[2])
for at = 1, #all, 2 do lines[#lines + 1] = all[at] .. ' ' .. all[at + 1] end
return {redis.call('HMGET', KEYS[1], 'about', 'place', 'revision'), table.concat(lines, '\\n')}
""")

# KEYS 1 the owner's list, 2 the owner's titles. ARGV 2 offset, 3 limit, 4 what stands before an id in a key, 5 behind it, then
# the words that all must be in a title.
LIST = Script("""
local offset, limit, ids = tonumber(ARGV[2]), tonumber(ARGV[3]), {}
if #ARGV == 5 then
  ids = redis.call('ZREVRANGE', KEYS[1], offset, offset + limit - 1)
else
  local titles, all = {}, redis.call('HGETALL', KEYS[2])
  for at = 1, #all, 2 do titles[all[at]] = all[at + 1] end
  for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
    local title, fits = titles[id], true
    for at = 6, #ARGV do
      if not (title and string.find(title, ARGV[at], 1, true)) then fits = false; break end
    end
    if fits then
      if offset > 0 then offset = offset - 1
      else
        ids[#ids + 1] = id
        if #ids >= limit then break end
      end
    end
  end
end
local parts = {}
for _, id in ipairs(ids) do
  local about = redis.call('HGET', ARGV[4] .. id .. ARGV[5], 'about')
  if about then parts[#parts + 1] = about end
end
return '[' .. table.concat(parts, ',') .. ']'
""")

# KEYS 3 sessions, 4 the session. ARGV 3 key, 4 value, 5 when it ends (ms since 1970), 6 now (ms), 7 what stands before a key.
WRITE_SESSION = Script(GATE + """
redis.call('SET', KEYS[4], ARGV[4], 'PXAT', ARGV[5])
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[3])
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[6], 'LIMIT', 0, 100)) do
  redis.call('UNLINK', ARGV[7] .. key)
  redis.call('ZREM', KEYS[3], key)
end
return redis.call('HINCRBY', KEYS[1], 'changes', 1)
""")

# KEYS as before. ARGV 3 key, 4 the value that alone is deleted, or "" for any.
DELETE_SESSION = Script(GATE + """
if ARGV[4] ~= '' and redis.call('GET', KEYS[4]) ~= ARGV[4] then return 0 end
redis.call('UNLINK', KEYS[4])
redis.call('ZREM', KEYS[3], ARGV[3])
return redis.call('HINCRBY', KEYS[1], 'changes', 1)
""")

# A number that tells whether the server can write. KEYS 1 about. ARGV 2 the number.
CHECK = Script("""
redis.call('HSET', KEYS[1], 'checked', ARGV[2])
return 1
""")

# Takes or keeps the hold. KEYS 2 hold. ARGV 2 whose, 3 for how long, in ms.
TAKE_HOLD = Script("""
local hold = redis.call('GET', KEYS[2])
if hold and hold ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
""")

# KEYS 2 hold. ARGV 2 whose.
END_HOLD = Script("""
if redis.call('GET', KEYS[2]) == ARGV[2] then redis.call('UNLINK', KEYS[2]) end
return 1
""")

# KEYS 1 about, 2 hold. ARGV 2 whose.
END_FILLING = Script("""
if redis.call('HGET', KEYS[1], 'filling') == ARGV[2] then redis.call('HDEL', KEYS[1], 'filling') end
if redis.call('GET', KEYS[2]) == ARGV[2] then redis.call('UNLINK', KEYS[2]) end
return 1
""")

# Everything of one conversation but the bytes of its files. KEYS 1 the conversation, 2 messages, 3 requests, 4 files.
WHOLE = Script("""
local about = redis.call('HMGET', KEYS[1], 'about', 'place', 'revision')
local messages = '[' .. table.concat(redis.call('HVALS', KEYS[2]), ',') .. ']'
return {about, messages, redis.call('HGETALL', KEYS[3]), redis.call('HGETALL', KEYS[4])}
""")

# How many entries of a list are no conversations. KEYS 1 the list, 2 all conversations. ARGV 2 the command that reads the list,
# then its words behind the key.
MISSING = Script("""
local missing = 0
for _, id in ipairs(redis.call(ARGV[2], KEYS[1], unpack(ARGV, 3))) do
  if not redis.call('ZSCORE', KEYS[2], id) then missing = missing + 1 end
end
return missing
""")
