-- role, wait list, now, grace, limit -> entries whose wake-up was lost (none while jobs wait: then nobody has come to them yet)
local function apply(a)
  local now, d = tonumber(a[3]), due_key(a[1])
  if redis.call('EXISTS', a[2]) == 1 then return {} end
  local lost = redis.call('ZRANGEBYSCORE', d, '-inf', now - tonumber(a[4]), 'LIMIT', 0, a[5])
  for _, entry in ipairs(lost) do redis.call('ZADD', d, now, entry) end
  return lost
end
