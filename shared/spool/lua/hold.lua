-- id, event -> 1 | 0: nothing of this message is attempted until it is released
local function apply(a)
  local m = record_key(a[1])
  if redis.call('EXISTS', m) == 0 or redis.call('HSET', m, 'h', '1') == 0 then return 0 end
  trace(a[2])
  return 1
end
