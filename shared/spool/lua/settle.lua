-- id, from, epoch, entry, now, ttl, event, count, then per recipient: number, attempt, state, mailbox, entry, due, json
-- -> committed | repeat | late | fenced, late outcomes
local function apply(a)
  local id, from, now, count = a[1], a[2], tonumber(a[5]), tonumber(a[8])
  if not may_commit(from, a[3]) then return { 'fenced', 0 } end
  local m = record_key(id)
  redis.call('ZREM', due_key(from), a[4])
  local applied, late, repeated, closed, last = 0, 0, 0, 0, ''
  for i = 9, 8 + count * 7, 7 do
    local number, attempt, mailbox, entry = a[i], tonumber(a[i + 1]), a[i + 3], a[i + 4]
    local state, attempts, at = recipient(m, number)
    if state == 'q' and at == from and attempts < attempt then
      applied = applied + 1
      write_recipient(m, number, a[i + 2], attempt, mailbox, a[i + 6])
      if a[i + 2] == 'd' then
        closed = closed + 1
      elseif mailbox .. '\n' .. entry ~= last then
        tell(mailbox, entry, tonumber(a[i + 5]), now)
        last = mailbox .. '\n' .. entry
      end
    elseif attempts == attempt then
      repeated = repeated + 1
    else
      late = late + 1
    end
  end
  if applied > 0 then trace(a[7]) end
  close(id, m, closed, a[6])
  if applied > 0 then return { 'committed', late } end
  return { late > 0 and 'late' or 'repeat', late }
end
