-- mailbox, job, token, lock prefix, owner, now, may decline, count, credit
--   -> busy | lost | declined | closed | later | empty | active, epoch, learnt, lock ms left, handed-out entries, tries, next due, due entries
-- An activation begins with what its first pull would give it.
local function apply(a)
  local mailbox, job, now = a[1], a[2], tonumber(a[6])
  local lock = a[4] .. job .. ':lock'
  if redis.call('GET', lock) ~= a[3] then return { 'lost' } end
  local k = key_key(mailbox)
  local s = redis.call('HMGET', k, 'job', 'epoch', 'learnt', 'until', 'timer', 'handed', 'tries')
  if s[1] and s[1] ~= job and redis.call('EXISTS', a[4] .. s[1] .. ':lock') == 1 then return { 'busy' } end
  local role, key = role_and_key(mailbox)
  if a[7] == '1' and too_many(role, a[5], 1, 1.1, now) > 0 then return { 'declined' } end
  disown(k, role)
  redis.call('HDEL', k, 'handed')
  planned[mailbox], epochs[mailbox] = nil, nil
  if tonumber(s[5] or 0) <= now then redis.call('HDEL', k, 'timer') end
  if forget_if_empty(mailbox) then return { 'empty' } end
  local handed = s[6] and redis.call('ZRANGEBYSCORE', due_key(mailbox), '-inf', s[6], 'LIMIT', 0, 500) or {}
  if tonumber(s[4] or 0) > now then
    if s[6] then redis.call('HSET', k, 'handed', s[6]) end
    plan(mailbox, now, now)
    return { 'closed' }
  end
  local next = first_waiting(mailbox)
  if #handed == 0 and next and next > now then
    plan(mailbox, next, now)
    return { 'later' }
  end
  local epoch = string.format('%.0f', math.max(tonumber(s[2] or 0) + 1, now))
  redis.call('HSET', k, 'epoch', epoch)
  own(k, role, job, a[5])
  redis.call('PERSIST', k)
  redis.call('ZADD', base .. 'keys:' .. role, now, key)
  local next_due, entries = hand_out(mailbox, tonumber(a[8]), now, a[9], '1')
  if s[6] and tonumber(redis.call('HGET', k, 'handed') or 0) < tonumber(s[6]) then redis.call('HSET', k, 'handed', s[6]) end
  return { 'active', epoch, s[3] or '', redis.call('PTTL', lock), handed, s[7] or '', next_due, entries }
end
