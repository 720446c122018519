-- mailbox, epoch, entry, json -> 1 | 0: an entry that its actor cannot handle becomes a dead letter, with everything kept
local function apply(a)
  if not may_commit(a[1], a[2]) then return 0 end
  redis.call('ZREM', due_key(a[1]), a[3])
  return redis.call('HSET', base .. 'dead', a[1] .. '\n' .. a[3], a[4])
end
