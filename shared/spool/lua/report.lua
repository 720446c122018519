-- id, entry, now, event, dsn id or '', head, content, size, dsn event, numbers... -> committed | changed | late
-- The DSN and the end of what it reports are one step, so neither can happen twice or alone.
local function apply(a)
  local id, now = a[1], tonumber(a[3])
  local m = apart(record_key(id))
  local owed, json = 0, {}
  for i = 10, #a do
    local state, attempts, _, rest = recipient(m, a[i])
    if state == 'o' then
      owed = owed + 1
      json[i] = { attempts, rest }
    end
  end
  if owed == 0 then
    redis.call('ZREM', due_key('bounce'), a[2])
    return 'late'
  end
  if owed < #a - 9 then return 'changed' end
  if a[5] ~= '' then store(a[5], a[6], a[7], '', a[8], now, a[9]) end
  for i = 10, #a do write_recipient(m, a[i], 'd', json[i][1], 'bounce', json[i][2]) end
  redis.call('ZREM', due_key('bounce'), a[2])
  trace(a[4])
  close(m, owed)
  return 'committed'
end
