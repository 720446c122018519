-- mailbox, epoch, count, now -> fenced | ok, next due or '', entries handed out
local function apply(a)
  local mailbox, count, now = a[1], tonumber(a[3]), tonumber(a[4])
  if not may_commit(mailbox, a[2]) then return { 'fenced' } end
  local d = due_key(mailbox)
  local found = redis.call('ZRANGEBYSCORE', d, '-inf', now, 'WITHSCORES', 'LIMIT', 0, count)
  local entries = {}
  for i = 1, #found, 2 do
    redis.call('ZADD', d, HANDED + tonumber(found[i + 1]), found[i])
    entries[#entries + 1] = found[i]
  end
  if #entries == count then return { 'ok', '', entries } end
  redis.call('HSET', key_key(mailbox), 'idle', '1')
  local next = first_waiting(mailbox)
  return { 'ok', next and string.format('%.0f', next) or '', entries }
end
