-- mailbox, job, token, lock prefix, owner, now -> busy | lost | closed | later | empty | active, epoch, learnt, lock ms left, handed-out entries
local function apply(a)
  local mailbox, job, now = a[1], a[2], tonumber(a[6])
  local lock = a[4] .. job .. ':lock'
  if redis.call('GET', lock) ~= a[3] then return { 'lost' } end
  local k = key_key(mailbox)
  local s = redis.call('HMGET', k, 'job', 'epoch', 'learnt', 'until', 'timer')
  if s[1] and s[1] ~= job and redis.call('EXISTS', a[4] .. s[1] .. ':lock') == 1 then return { 'busy' } end
  redis.call('HDEL', k, 'job', 'owner', 'idle', 'wake')
  planned[mailbox], epochs[mailbox] = nil, nil
  if tonumber(s[5] or 0) <= now then redis.call('HDEL', k, 'timer') end
  if forget_if_empty(mailbox) then return { 'empty' } end
  local handed = redis.call('ZRANGEBYSCORE', due_key(mailbox), HANDED, '+inf')
  if tonumber(s[4] or 0) > now then
    plan(mailbox, now, now)
    return { 'closed' }
  end
  local next = first_waiting(mailbox)
  if #handed == 0 and next and next > now then
    plan(mailbox, next, now)
    return { 'later' }
  end
  local role, key = role_and_key(mailbox)
  local epoch = string.format('%.0f', math.max(tonumber(s[2] or 0) + 1, now))
  redis.call('HSET', k, 'epoch', epoch, 'job', job, 'owner', a[5], 'idle', '0')
  redis.call('PERSIST', k)
  redis.call('ZADD', base .. 'keys:' .. role, now, key)
  return { 'active', epoch, s[3] or '', redis.call('PTTL', lock), handed }
end
