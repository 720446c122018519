-- id, now, event, count, then per recipient: number, state, mailbox, entry, due, json -> expanded | repeat | gone
local function apply(a)
  local id, now, n = a[1], tonumber(a[2]), tonumber(a[4])
  local m = record_key(id)
  redis.call('ZREM', due_key('router'), id)
  local s = redis.call('HMGET', m, 's', 'x')
  if not s[1] then return 'gone' end
  if s[2] then return 'repeat' end
  local open, last_mailbox, last_entry, fields = 0, '', '', { 'x', '1' }
  for i = 5, 4 + n * 6, 6 do
    local state, mailbox, entry = a[i + 1], a[i + 2], a[i + 3]
    fields[#fields + 1] = 'r' .. a[i]
    fields[#fields + 1] = state .. '0:' .. mailbox .. '\n' .. a[i + 5]
    if #fields > 200 then
      redis.call('HSET', m, unpack(fields))
      fields = {}
    end
    if state ~= 'd' then
      open = open + 1
      if mailbox ~= last_mailbox or entry ~= last_entry then tell(mailbox, entry, tonumber(a[i + 4]), now) end
      last_mailbox, last_entry = mailbox, entry
    end
  end
  trace(a[3])
  fields[#fields + 1] = 'o'
  fields[#fields + 1] = open
  redis.call('HSET', m, unpack(fields))
  if open == 0 then finish_record(m) end
  return 'expanded'
end
