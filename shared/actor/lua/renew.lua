-- mailbox, epoch, lock, token, ms -> 1 | 0: extends the BullMQ lock that is this activation's lease
local function apply(a)
  if not may_commit(a[1], a[2]) or redis.call('GET', a[3]) ~= a[4] then return 0 end
  redis.call('PEXPIRE', a[3], a[5])
  return 1
end
