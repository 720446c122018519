-- mailbox, id or '', now -> entries made due now (pools need a job for each)
local function apply(a)
  local mailbox, now, d = a[1], tonumber(a[3]), due_key(a[1])
  local keyed, made = string.find(mailbox, ':', 1, true), {}
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', d, '(' .. now, '+inf', 'LIMIT', 0, 10000)) do
    if a[2] == '' or string.sub(entry, 1, #a[2]) == a[2] then
      redis.call('ZADD', d, now, entry)
      made[#made + 1] = entry
    end
  end
  if keyed then
    redis.call('HDEL', key_key(mailbox), 'until')
    if first_waiting(mailbox) then plan(mailbox, now, now) end
  end
  return made
end
