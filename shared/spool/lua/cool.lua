-- id, location -> 1 | 0: content has moved to the cold tier
local function apply(a)
  local m = record_key(a[1])
  if redis.call('HEXISTS', m, 'c') == 0 then return 0 end
  count('hot', -tonumber(redis.call('HGET', m, 's')))
  redis.call('HDEL', m, 'c')
  redis.call('HSET', m, 'l', a[2])
  return 1
end
