-- id, entry, now, event, dsn id or '', head, content, size, dsn event, recipients (ranges) -> committed | changed | late
-- The DSN and the end of what it reports are one step, so neither can happen twice or alone.
local function apply(a)
  local id, now = a[1], tonumber(a[3])
  local m = record_key(id)
  local owed, asked, fields = 0, 0, fields_of(m, a[10])
  for _, field in ipairs(fields) do
    local state, attempts, _, json = parse_recipient(field.value)
    asked = asked + field.size
    if state == 'o' then
      owed = owed + field.size
      field.attempts, field.json = attempts, json
    end
  end
  if owed == 0 then
    redis.call('ZREM', due_key('bounce'), a[2])
    return 'late'
  end
  if owed < asked then return 'changed' end
  if a[5] ~= '' then store(a[5], a[6], a[7], '', a[8], now, a[9]) end
  for _, field in ipairs(fields) do write_recipient(m, field.number, 'd', field.attempts, 'bounce', field.json) end
  redis.call('ZREM', due_key('bounce'), a[2])
  trace(a[4])
  close(m, owed)
  return 'committed'
end
