-- id, from, epoch, entry, now, to, new entry, due, event, numbers... -> committed | late | fenced
local function apply(a)
  local id, from, now = a[1], a[2], tonumber(a[5])
  if not may_commit(from, a[3]) then return 'fenced' end
  local m = apart(record_key(id))
  redis.call('ZREM', due_key(from), a[4])
  local moved = 0
  for i = 10, #a do
    local state, attempts, at, json = recipient(m, a[i])
    if state == 'q' and at == from then
      write_recipient(m, a[i], 'q', attempts, a[6], json)
      moved = moved + 1
    end
  end
  if moved == 0 then return 'late' end
  tell(a[6], a[7], tonumber(a[8]), now)
  trace(a[9])
  return 'committed'
end
