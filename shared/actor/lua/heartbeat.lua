-- role, process, activations or '', now, ms -> processes that play the role; '' ends this one's part
-- load:<role> and alive:<role> say who has how many activations, and until when it counts as alive.
local function apply(a)
  local load, alive, now = base .. 'load:' .. a[1], base .. 'alive:' .. a[1], tonumber(a[4])
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', alive, '-inf', now)) do
    redis.call('ZREM', load, gone)
    redis.call('ZREM', alive, gone)
  end
  if a[3] == '' then
    redis.call('ZREM', load, a[2])
    redis.call('ZREM', alive, a[2])
  else
    redis.call('ZADD', load, a[3], a[2])
    redis.call('ZADD', alive, now + tonumber(a[5]), a[2])
  end
  return redis.call('ZCARD', load)
end
