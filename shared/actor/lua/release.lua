-- mailbox, epoch, now, learnt, until, force ('2': with entries in hand), tries (JSON: throws by entry) -> fenced | more | released
-- Ends an activation: what it did not finish is due as before; with work due (and not forced) it has to go on.
local function apply(a)
  local mailbox, now, closed = a[1], tonumber(a[3]), tonumber(a[5])
  if not may_commit(mailbox, a[2]) then return { 'fenced' } end
  local k = key_key(mailbox)
  local next = first_waiting(mailbox)
  if a[6] == '0' and closed <= now and next and next <= now then return { 'more' } end
  disown(k, (role_and_key(mailbox)))
  if a[6] ~= '2' then redis.call('HDEL', k, 'handed') end
  awake[mailbox] = nil
  if a[4] == '' then redis.call('HDEL', k, 'learnt') else redis.call('HSET', k, 'learnt', a[4]) end
  if a[7] == '' then redis.call('HDEL', k, 'tries') else redis.call('HSET', k, 'tries', a[7]) end
  if closed > now then redis.call('HSET', k, 'until', a[5]) else redis.call('HDEL', k, 'until') end
  if not forget_if_empty(mailbox) and next then plan(mailbox, next, now) end
  return { 'released' }
end
