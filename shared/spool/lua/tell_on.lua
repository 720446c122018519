-- id, now -> chunks left: tells the next wake-ups that the expansion of a large message put aside. The router's goes with the last.
local function apply(a)
  local m, now = record_key(a[1]), tonumber(a[2])
  local left = tonumber(redis.call('HGET', m, 'u') or 0)
  if left > 0 then
    for mailbox, entry in string.gmatch(redis.call('HGET', m, 'u' .. left), '([^\t\n]+)\t([^\n]+)\n') do tell(mailbox, entry, now, now) end
    redis.call('HDEL', m, 'u' .. left)
    left = redis.call('HINCRBY', m, 'u', -1)
  end
  if left == 0 then
    redis.call('HDEL', m, 'u')
    redis.call('ZREM', due_key('router'), a[1])
  end
  return left
end
