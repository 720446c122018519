-- mailbox, entry, id, numbers... -> 1 | 0: removes a wake-up that has nothing to wake
local function apply(a)
  local m = apart(record_key(a[3]))
  if #a == 3 then
    local s = redis.call('HMGET', m, 'e', 'x')
    if s[1] and not s[2] then return 0 end
  end
  if string.sub(a[2], 27, 27) == 'w' then
    for i = 4, #a do
      if owes_warning(m, a[i]) then return 0 end
      redis.call('HDEL', m, 'w' .. a[i])
    end
    return redis.call('ZREM', due_key(a[1]), a[2])
  end
  for i = 4, #a do
    local state, _, at = recipient(m, a[i])
    if state and state ~= 'd' and at == a[1] then return 0 end
  end
  return redis.call('ZREM', due_key(a[1]), a[2])
end
