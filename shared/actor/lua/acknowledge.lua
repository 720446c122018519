-- mailbox, epoch, entry -> 1 | 0: takes an entry off its mailbox. The spool's scripts do this together with the outcome.
local function apply(a)
  if not may_commit(a[1], a[2]) then return 0 end
  return redis.call('ZREM', due_key(a[1]), a[3])
end
