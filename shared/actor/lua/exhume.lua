-- mailbox, entry, now, replay -> 1 | 0: a dead letter is told again, or dropped
local function apply(a)
  if redis.call('HDEL', base .. 'dead', a[1] .. '\n' .. a[2]) == 0 then return 0 end
  if a[4] == '1' then tell(a[1], a[2], tonumber(a[3]), tonumber(a[3])) end
  return 1
end
