-- mailbox, entry, id -> 1 | 0: a wake-up of a held message is put aside
local function apply(a)
  local m = record_key(a[3])
  if redis.call('HEXISTS', m, 'h') == 0 then return 0 end
  redis.call('ZREM', due_key(a[1]), a[2])
  local parked = redis.call('HGET', m, 'p') or ''
  redis.call('HSET', m, 'p', parked .. a[1] .. '\t' .. a[2] .. '\n')
  return 1
end
