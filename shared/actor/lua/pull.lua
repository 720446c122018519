-- mailbox, epoch, count, now, credit, round -> fenced | ok, next due or '', due entries (those that the activation has in hand among them)
-- When that is all there is, the next `credit` entries are handed over as they are told.
local function apply(a)
  local mailbox, count, now = a[1], tonumber(a[3]), tonumber(a[4])
  if not may_commit(mailbox, a[2]) then return { 'fenced' } end
  local d, k = due_key(mailbox), key_key(mailbox)
  local found = redis.call('ZRANGEBYSCORE', d, '-inf', now, 'WITHSCORES', 'LIMIT', 0, count)
  local entries = {}
  for i = 1, #found, 2 do entries[#entries + 1] = found[i] end
  if #entries > 0 then redis.call('HSET', k, 'handed', found[#found]) end
  if #entries == count then
    redis.call('HSET', k, 'credit', '0')
    return { 'ok', '', entries }
  end
  redis.call('HSET', k, 'credit', a[5], 'round', a[6])
  local next = redis.call('ZRANGEBYSCORE', d, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return { 'ok', next[2] or '', entries }
end
