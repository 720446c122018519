-- mailbox, epoch, count, now -> fenced | ok, next due or '', due entries (those that the activation has in hand among them)
-- `handed` remembers how far entries have been handed out: what is found up to there after a crash was possibly sent.
local function apply(a)
  local mailbox, count, now = a[1], tonumber(a[3]), tonumber(a[4])
  if not may_commit(mailbox, a[2]) then return { 'fenced' } end
  local found = redis.call('ZRANGEBYSCORE', due_key(mailbox), '-inf', now, 'WITHSCORES', 'LIMIT', 0, count)
  local entries = {}
  for i = 1, #found, 2 do entries[#entries + 1] = found[i] end
  if #entries > 0 then redis.call('HSET', key_key(mailbox), 'handed', found[#found]) end
  if #entries == count then return { 'ok', '', entries } end
  redis.call('HSET', key_key(mailbox), 'idle', '1')
  local next = redis.call('ZRANGEBYSCORE', due_key(mailbox), '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return { 'ok', next[2] or '', entries }
end
