-- The same without the epoch check: the proof that the test of the fence can fail
local function apply(a)
  redis.call('RPUSH', base .. 'history', a[1] .. ' ' .. a[2] .. ' ' .. a[3] .. ' ' .. a[4])
  return redis.call('ZREM', due_key(a[1]), a[3])
end
