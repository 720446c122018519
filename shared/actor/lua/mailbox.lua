-- The keyed mailbox and its activation. Included in every script that tells or acknowledges, so that a record's change
-- and the wake-up it needs are one atomic step. `base` is the shard's key prefix; `wakes` collects the activations that
-- the caller has to hand to BullMQ.
--
--   due:<mailbox>   sorted set  entry -> time it is due (ms)
--   key:<mailbox>   hash        epoch, job, owner, credit, round, handed (an activation); wake, timer, until, learnt, tries (its absence)
--   keys:<role>     sorted set  key -> time at which an activation ought to run, or last proved that it does
--   load:<role>     sorted set  process -> how many keys name it as their owner

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
  local s = redis.call('HMGET', k, 'job', 'wake', 'until', 'timer', 'credit', 'owner', 'handed', 'round')
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
  redis.call('PERSIST', k)
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

-- next due or '', due entries (those that the activation has in hand among them). When that is all there is, the next `credit` entries
-- are handed over as they are told.
local function hand_out(mailbox, count, now, credit, round)
  local d, k = due_key(mailbox), key_key(mailbox)
  local found = redis.call('ZRANGEBYSCORE', d, '-inf', now, 'WITHSCORES', 'LIMIT', 0, count)
  local entries = {}
  for i = 1, #found, 2 do entries[#entries + 1] = found[i] end
  if #entries > 0 then redis.call('HSET', k, 'handed', found[#found]) end
  if #entries == count then
    redis.call('HSET', k, 'credit', '0')
    return '', entries
  end
  redis.call('HSET', k, 'credit', credit, 'round', round)
  local next = redis.call('ZRANGEBYSCORE', d, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return next[2] or '', entries
end

-- A key gets an owner, and is nobody's again; each together with the owner's count.
local function own(k, role, job, owner)
  redis.call('HSET', k, 'job', job, 'owner', owner)
  redis.call('ZINCRBY', base .. 'load:' .. role, 1, owner)
end

local function disown(k, role)
  local load, owner = base .. 'load:' .. role, redis.call('HGET', k, 'owner')
  if owner and tonumber(redis.call('ZINCRBY', load, -1, owner)) <= 0 then redis.call('ZREM', load, owner) end
  redis.call('HDEL', k, 'job', 'owner', 'credit', 'round', 'wake')
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
