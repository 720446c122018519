-- id, from, epoch, entry, now, to, new entry, due, event, recipients (ranges) -> committed | late | fenced
local function apply(a)
  local id, from, now = a[1], a[2], tonumber(a[5])
  if not may_commit(from, a[3]) then return 'fenced' end
  local m = record_key(id)
  redis.call('ZREM', due_key(from), a[4])
  local moved = false
  for _, field in ipairs(fields_of(m, a[10])) do
    local state, attempts, at, json = parse_recipient(field.value)
    if state == 'q' and at == from then
      write_recipient(m, field.number, 'q', attempts, a[6], json)
      moved = true
    end
  end
  if not moved then return 'late' end
  tell(a[6], a[7], tonumber(a[8]), now)
  trace(a[9])
  return 'committed'
end
