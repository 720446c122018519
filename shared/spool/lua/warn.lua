-- id, entry, now, event, dsn id or '', head, content, size, dsn event, recipients (ranges) -> committed | changed | late
-- The DSN about a delay and the end of its being owed are one step, so it is told once. The recipients go on waiting.
local function apply(a)
  local m, owed, numbers = record_key(a[1]), 0, numbers_of(a[10])
  for _, number in ipairs(numbers) do
    if owes_warning(m, number) then owed = owed + 1 end
  end
  if owed == 0 then
    redis.call('ZREM', due_key('bounce'), a[2])
    return 'late'
  end
  if owed < #numbers then return 'changed' end
  if a[5] ~= '' then store(a[5], a[6], a[7], '', a[8], a[3], a[9]) end
  for _, number in ipairs(numbers) do redis.call('HDEL', m, 'w' .. number) end
  redis.call('ZREM', due_key('bounce'), a[2])
  trace(a[4])
  return 'committed'
end
