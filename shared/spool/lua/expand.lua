-- id, now, event, open recipients, chunks put aside, number of fields, field, value ..., then mailbox, entry ... to tell
-- -> expanded | repeat | gone. With chunks put aside (tell_on.lua) the router's wake-up stays until they are told.
local function apply(a)
  local id, now, n = a[1], tonumber(a[2]), tonumber(a[6])
  local m = record_key(id)
  local s = redis.call('HMGET', m, 's', 'x', 'u')
  if not s[3] and a[5] == '0' then redis.call('ZREM', due_key('router'), id) end
  if not s[1] then return 'gone' end
  if s[2] then return 'repeat' end
  for i = 7, 6 + n, 200 do redis.call('HSET', m, unpack(a, i, math.min(i + 199, 6 + n))) end
  for i = 7 + n, #a, 2 do tell(a[i], a[i + 1], now, now) end
  trace(a[3])
  if a[4] == '0' then finish_record(m) end
  return 'expanded'
end
