-- mailbox, epoch, entry, due -> 1 | 0: an entry whose actor threw is tried again later
local function apply(a)
  if not may_commit(a[1], a[2]) then return 0 end
  return redis.call('ZADD', due_key(a[1]), 'XX', 'CH', a[4], a[3])
end
