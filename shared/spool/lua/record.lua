-- The record of a message and how it ends. Included in every script of the spool, after the mailbox library.
--
--   m:<id>   hash   e head (JSON) · c content, or l cold location · s size · o open recipients · x expanded · h held
--                   p parked wake-ups · r<n> recipient: state, attempts ':' mailbox '\n' JSON
--   t:<id>   string tombstone, for late repeats
--   trace    stream capped; read into SQL · trash list cold locations to remove · stat hash counters
--
-- States: q queued, o owed (a DSN), d done.

local function record_key(id) return base .. 'm:' .. id end

local function trace(event)
  if event ~= '' then redis.call('XADD', base .. 'trace', 'MAXLEN', '~', 200000, '*', 'e', event) end
end

-- state, attempts, mailbox, json of a stored recipient; nil when there is none.
local function recipient(m, number)
  local value = redis.call('HGET', m, 'r' .. number)
  if not value then return nil end
  local state, attempts, mailbox, rest = string.match(value, '^(%a)(%d+):([^\n]*)\n(.*)$')
  return state, tonumber(attempts), mailbox, rest
end

local function write_recipient(m, number, state, attempts, mailbox, json)
  redis.call('HSET', m, 'r' .. number, state .. attempts .. ':' .. mailbox .. '\n' .. json)
end

-- The message is over: content and record go, a tombstone stays for `ttl` ms.
local function finish(id, m, ttl)
  local s = redis.call('HMGET', m, 's', 'l')
  local size = tonumber(s[1] or 0)
  if s[2] then
    redis.call('RPUSH', base .. 'trash', s[2])
  else
    redis.call('HINCRBY', base .. 'stat', 'hot', -size)
  end
  redis.call('HINCRBY', base .. 'stat', 'bytes', -size)
  redis.call('HINCRBY', base .. 'stat', 'messages', -1)
  redis.call('DEL', m)
  redis.call('SET', base .. 't:' .. id, '1', 'PX', ttl)
end

local function close(id, m, count, ttl)
  if count > 0 and redis.call('HINCRBY', m, 'o', -count) <= 0 then finish(id, m, ttl) end
end

-- id, head, content, location, size, now, event -> 1 new | 0 repeat
local function store(id, head, content, location, size, now, event)
  local m = record_key(id)
  if redis.call('EXISTS', m, base .. 't:' .. id) > 0 then
    return 0
  end
  if location == '' then
    redis.call('HSET', m, 'e', head, 's', size, 'o', 1, 'c', content)
    redis.call('HINCRBY', base .. 'stat', 'hot', size)
  else
    redis.call('HSET', m, 'e', head, 's', size, 'o', 1, 'l', location)
  end
  redis.call('HINCRBY', base .. 'stat', 'bytes', size)
  redis.call('HINCRBY', base .. 'stat', 'messages', 1)
  tell('router', id, now, now)
  trace(event)
  return 1
end
