-- mailbox, epoch, entry, process -> 1 | 0: as an outcome commits, and writes down who did it
local function apply(a)
  if not may_commit(a[1], a[2]) then return 0 end
  if redis.call('ZREM', due_key(a[1]), a[3]) == 0 then return 0 end
  redis.call('RPUSH', base .. 'history', a[1] .. ' ' .. a[2] .. ' ' .. a[3] .. ' ' .. a[4])
  return 1
end
