-- mailbox, entry, id, recipients (ranges) -> 1 | 0: removes a wake-up that has nothing to wake
local function apply(a)
  local m = record_key(a[3])
  if a[4] == '' then
    local s = redis.call('HMGET', m, 'e', 'x')
    if s[1] and not s[2] then return 0 end
  end
  if string.sub(a[2], 27, 27) == 'w' then
    for _, number in ipairs(numbers_of(a[4])) do
      if owes_warning(m, number) then return 0 end
      redis.call('HDEL', m, 'w' .. number)
    end
    return redis.call('ZREM', due_key(a[1]), a[2])
  end
  for _, field in ipairs(fields_of(m, a[4])) do
    local state, _, at = parse_recipient(field.value)
    if state and state ~= 'd' and at == a[1] then return 0 end
  end
  return redis.call('ZREM', due_key(a[1]), a[2])
end
