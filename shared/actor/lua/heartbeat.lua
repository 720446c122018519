-- role, process, ms or '', now -> how many of its activations the process ought to give back
-- The process plays the role for so long, unless it says so again (alive:<role>); '' ends its part.
local function apply(a)
  local alive, now = base .. 'alive:' .. a[1], tonumber(a[4])
  redis.call('ZREMRANGEBYSCORE', alive, '-inf', now)
  if a[3] == '' then
    redis.call('ZREM', alive, a[2])
    return 0
  end
  redis.call('ZADD', alive, now + tonumber(a[3]), a[2])
  return too_many(a[1], a[2], 0, 1.25, now)
end
