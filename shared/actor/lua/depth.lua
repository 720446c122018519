-- role, keyed, now -> due, delayed, oldest due time or 0
local function apply(a)
  local role, now = a[1], tonumber(a[3])
  local due, delayed, oldest = 0, 0, 0
  local function count(mailbox)
    local d = due_key(mailbox)
    local waiting = redis.call('ZCOUNT', d, '(' .. now, '+inf')
    local ready = redis.call('ZCOUNT', d, '-inf', now)
    due = due + redis.call('ZCARD', d) - waiting
    delayed = delayed + waiting
    if ready > 0 then
      local first = tonumber(redis.call('ZRANGE', d, 0, 0, 'WITHSCORES')[2])
      if oldest == 0 or first < oldest then oldest = first end
    end
  end
  if a[2] == '1' then
    for _, key in ipairs(redis.call('ZRANGE', base .. 'keys:' .. role, 0, -1)) do count(role .. ':' .. key) end
  else
    count(role)
  end
  return { due, delayed, string.format('%.0f', oldest) }
end
