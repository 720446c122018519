-- mailbox, now -> 1: opens the circuit of a keyed mailbox for a probe, and sees to it that what is due there is tried
local function apply(a)
  local mailbox, now = a[1], tonumber(a[2])
  redis.call('HDEL', key_key(mailbox), 'until')
  local first = first_waiting(mailbox)
  if first then plan(mailbox, math.max(first, now), now) end
  return 1
end
