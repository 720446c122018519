-- id, entry, now, event, dsn id or '', head, content, size, dsn event, numbers... -> committed | changed | late
-- The DSN about a delay and the end of its being owed are one step, so it is told once. The recipients go on waiting.
local function apply(a)
  local m, owed = apart(record_key(a[1])), 0
  for i = 10, #a do
    if owes_warning(m, a[i]) then owed = owed + 1 end
  end
  if owed == 0 then
    redis.call('ZREM', due_key('bounce'), a[2])
    return 'late'
  end
  if owed < #a - 9 then return 'changed' end
  if a[5] ~= '' then store(a[5], a[6], a[7], '', a[8], a[3], a[9]) end
  for i = 10, #a do redis.call('HDEL', m, 'w' .. a[i]) end
  redis.call('ZREM', due_key('bounce'), a[2])
  trace(a[4])
  return 'committed'
end
