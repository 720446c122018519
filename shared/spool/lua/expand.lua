-- id, now, ttl, event, count, then per recipient: number, state, mailbox, entry, due, json -> expanded | repeat | gone
local function apply(a)
  local id, now, count = a[1], tonumber(a[2]), tonumber(a[5])
  local m = record_key(id)
  redis.call('ZREM', due_key('router'), id)
  local s = redis.call('HMGET', m, 'e', 'x')
  if not s[1] then return 'gone' end
  if s[2] then return 'repeat' end
  local open, last = 0, ''
  for i = 6, 5 + count * 6, 6 do
    local state, mailbox, entry = a[i + 1], a[i + 2], a[i + 3]
    write_recipient(m, a[i], state, 0, mailbox, a[i + 5])
    if state ~= 'd' then
      open = open + 1
      if mailbox .. '\n' .. entry ~= last then tell(mailbox, entry, tonumber(a[i + 4]), now) end
      last = mailbox .. '\n' .. entry
    end
  end
  redis.call('HSET', m, 'x', '1', 'o', open)
  trace(a[4])
  if open == 0 then finish(id, m, a[3]) end
  return 'expanded'
end
