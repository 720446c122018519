-- mailbox, now -> 1 when it was closed, else 0: opens the circuit of a keyed mailbox for a probe, and sees to it that what is due there is tried
local function apply(a)
  local mailbox, now = a[1], tonumber(a[2])
  local closed = tonumber(redis.call('HGET', key_key(mailbox), 'until') or 0) > now
  redis.call('HDEL', key_key(mailbox), 'until')
  local first = first_waiting(mailbox)
  if first then plan(mailbox, math.max(first, now), now) end
  return closed and 1 or 0
end
