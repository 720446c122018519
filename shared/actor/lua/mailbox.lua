-- The keyed mailbox and its activation. Included in every script that tells or acknowledges, so that a record's change
-- and the wake-up it needs are one atomic step. `base` is the shard's key prefix; `wakes` collects the activations that
-- the caller has to hand to BullMQ.
--
--   due:<mailbox>   sorted set  entry -> time it is due (ms)
--   key:<mailbox>   hash        epoch, job, owner, credit, round, handed (an activation); wake, timer, until, learnt, tries (its absence: what
--                               an activation finds of these stands until it ends)
--   keys:<role>     sorted set  key -> time at which an activation ought to run, or last proved that it does

local function due_key(mailbox) return base .. 'due:' .. mailbox end
local function key_key(mailbox) return base .. 'key:' .. mailbox end
local function role_and_key(mailbox) return string.match(mailbox, '^([^:]+):(.*)$') end

-- What this call already knows of a mailbox: many items of one call tell the same.
local awake, planned, epochs = {}, {}, {}

-- An activation with credit left is handed the entry at once, over publish/subscribe: light traffic costs no pulls. `handed` says how
-- far entries have been handed out: what is found up to there after a crash was possibly sent.
local function hand(k, mailbox, entry, handed, credit, round, owner)
  redis.call('HSET', k, 'credit', credit - 1, 'handed', handed)
  -- The last one names the pull whose credit is spent now: only another pull shows what comes after.
  redis.call('PUBLISH', base .. 'wake:' .. owner, mailbox .. '\n' .. (credit == 1 and round or '') .. '\n' .. entry)
end

-- Sees to it that the key is active at `target` at the latest. Earliest due wins; a closed circuit (`until`) is respected.
local function plan(mailbox, target, now, entry)
  if awake[mailbox] and target <= now then return end
  if planned[mailbox] and planned[mailbox] <= target then return end
  local k = key_key(mailbox)
  local s = redis.call('HMGET', k, 'job', 'wake', 'until', 'timer', 'credit', 'owner', 'handed', 'round', 'learnt')
  if s[1] then
    local credit = tonumber(s[5] or 0)
    if target <= now and credit > 0 then hand(k, mailbox, entry or '', math.max(now, tonumber(s[7] or 0)), credit, s[8], s[6]) end
    if target <= now and credit <= 0 then awake[mailbox] = true end
    return
  end
  local wake = math.max(target, tonumber(s[3] or 0))
  if s[2] and tonumber(s[2]) <= wake then
    planned[mailbox] = tonumber(s[2])
    return
  end
  planned[mailbox] = wake
  local role, key = role_and_key(mailbox)
  redis.call('HSET', k, 'wake', wake)
  if s[9] then redis.call('PERSIST', k) end -- only what is learnt is kept for a while, by forget_if_empty
  redis.call('ZADD', base .. 'keys:' .. role, wake, key)
  if wake > now then
    -- A delayed job that fires earlier plans again, so one timer per key is enough.
    local timer = tonumber(s[4] or 0)
    if timer > now and timer <= wake then return end
    redis.call('HSET', k, 'timer', wake)
  end
  wakes[#wakes + 1] = mailbox
  wakes[#wakes + 1] = wake
end

-- Puts an entry into a mailbox. A repeat changes nothing, unless it is due earlier.
local function tell(mailbox, entry, due, now)
  redis.call('ZADD', due_key(mailbox), 'LT', due, entry)
  if string.find(mailbox, ':', 1, true) then plan(mailbox, due, now, entry) end
end

-- True when `epoch` is the activation that may commit. Pool mailboxes have no epoch: every instance may.
local function may_commit(mailbox, epoch)
  if epoch == '' then return true end
  if epochs[mailbox] == nil then epochs[mailbox] = redis.call('HGET', key_key(mailbox), 'epoch') end
  return epochs[mailbox] == epoch
end

-- The due entries of a mailbox (`count` at most), the time of the last of them, and when the next is due; '' when that is not known.
-- Mostly there is one, or none.
local function look(mailbox, count, now)
  local d = due_key(mailbox)
  local first = redis.call('ZRANGE', d, 0, 1, 'WITHSCORES')
  if not first[2] or tonumber(first[2]) > now then return {}, nil, first[2] or '' end
  if count > 1 and (not first[4] or tonumber(first[4]) > now) then return { first[1] }, first[2], first[4] or '' end
  local found = redis.call('ZRANGEBYSCORE', d, '-inf', now, 'WITHSCORES', 'LIMIT', 0, count)
  local entries = {}
  for i = 1, #found, 2 do entries[#entries + 1] = found[i] end
  if #entries == count then return entries, found[#found], '' end
  return entries, found[#found], redis.call('ZRANGE', d, #entries, #entries, 'WITHSCORES')[2] or ''
end

-- The fields of a key whose activation is given these entries. When that is all there is, the next `credit` entries are handed over as they
-- are told.
local function handing_out(entries, count, last, credit, round)
  local fields = #entries == count and { 'credit', '0' } or { 'credit', credit, 'round', round }
  if last then
    fields[#fields + 1] = 'handed'
    fields[#fields + 1] = last
  end
  return fields
end

local function first_waiting(mailbox)
  return tonumber(redis.call('ZRANGE', due_key(mailbox), 0, 0, 'WITHSCORES')[2])
end

local function forget_if_empty(mailbox)
  if redis.call('EXISTS', due_key(mailbox)) == 1 then return false end
  local role, key = role_and_key(mailbox)
  local k = key_key(mailbox)
  redis.call('ZREM', base .. 'keys:' .. role, key)
  redis.call('HDEL', k, 'wake')
  if redis.call('HEXISTS', k, 'learnt') == 1 then
    redis.call('EXPIRE', k, 86400)
  else
    redis.call('DEL', k)
  end
  return true
end
