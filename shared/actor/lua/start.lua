-- mailbox, job, token, lock prefix, owner, now, may decline, count, credit
--   -> busy | lost | declined | closed | later | empty | active, epoch, learnt, lock ms left, handed-out entries, tries, next due, due entries
-- An activation begins with what its first pull would give it.

-- The keys of a job share its lock.
local locks = {}

local function lock_of(name)
  if not locks[name] then locks[name] = { token = redis.call('GET', name), left = redis.call('PTTL', name) } end
  return locks[name]
end

-- It is not to run now, and nobody's.
local function put_back(mailbox, k, role, owner, timer, now)
  if timer and tonumber(timer) <= now then redis.call('HDEL', k, 'timer') end
  disown(k, role, owner, 'handed')
  planned[mailbox] = nil
end

local function apply(a)
  local mailbox, job, now, count = a[1], a[2], tonumber(a[6]), tonumber(a[8])
  local lock = lock_of(a[4] .. job .. ':lock')
  if lock.token ~= a[3] then return { 'lost' } end
  local k = key_key(mailbox)
  local s = redis.call('HMGET', k, 'job', 'epoch', 'learnt', 'until', 'timer', 'handed', 'tries', 'owner', 'wake')
  if s[1] and s[1] ~= job and redis.call('EXISTS', a[4] .. s[1] .. ':lock') == 1 then return { 'busy' } end
  local role, key = role_and_key(mailbox)
  if a[7] == '1' and too_many(role, a[5], 1, 1.1, now) > 0 then return { 'declined' } end
  local handed = s[6] and redis.call('ZRANGEBYSCORE', due_key(mailbox), '-inf', s[6], 'LIMIT', 0, 500) or {}
  local entries, last, next = look(mailbox, count, now)
  if #entries == 0 and next == '' then
    put_back(mailbox, k, role, s[8], s[5], now)
    forget_if_empty(mailbox)
    return { 'empty' }
  end
  if tonumber(s[4] or 0) > now then
    put_back(mailbox, k, role, s[8], s[5], now)
    if s[6] then redis.call('HSET', k, 'handed', s[6]) end
    plan(mailbox, now, now)
    return { 'closed' }
  end
  if #handed == 0 and #entries == 0 then
    put_back(mailbox, k, role, s[8], s[5], now)
    plan(mailbox, tonumber(next), now)
    return { 'later' }
  end
  if last and s[6] and tonumber(last) < tonumber(s[6]) then last = nil end
  local fields = handing_out(entries, count, last, a[9], '1')
  local epoch = string.format('%.0f', math.max(tonumber(s[2] or 0) + 1, now))
  redis.call('HSET', k, 'epoch', epoch, 'job', job, 'owner', a[5], unpack(fields))
  if s[8] then owns(role, s[8], -1) end
  owns(role, a[5], 1)
  if s[3] then redis.call('PERSIST', k) end
  -- The time at which it ought to run stands there already, unless it runs earlier.
  if not s[9] or tonumber(s[9]) > now then redis.call('ZADD', base .. 'keys:' .. role, now, key) end
  return { 'active', epoch, s[3] or '', lock.left, handed, s[7] or '', next, entries }
end
