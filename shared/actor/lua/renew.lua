-- mailbox, epoch, lock, token, ms -> 1 | 0: extends the BullMQ lock that is this activation's lease, once for all that share it
local extended = {}

local function apply(a)
  if not may_commit(a[1], a[2]) then return 0 end
  local lease = a[3] .. '\n' .. a[4]
  if extended[lease] == nil then extended[lease] = redis.call('GET', a[3]) == a[4] and redis.call('PEXPIRE', a[3], a[5]) or 0 end
  return extended[lease]
end
