-- id, from, epoch, entry, event, then recipients (ranges), attempt of those with one attempt -> committed | repeat | late | fenced, late outcomes
-- The common end: all that are still open have their final outcome and owe no DSN, so nothing of theirs needs to be written.
local function apply(a)
  local id, from = a[1], a[2]
  if not may_commit(from, a[3]) then return { 'fenced', 0 } end
  local m = record_key(id)
  redis.call('ZREM', due_key(from), a[4])
  local facts = redis.call('HMGET', m, 'o', 's', 'l', 'r' .. string.match(a[6] or '', '^%d*'))
  local applied, closed, late = {}, 0, 0
  for i = 6, #a, 2 do
    local holds, missed = sift(fields_of(m, a[i], i == 6 and facts[4]), from, tonumber(a[i + 1]), applied)
    closed, late = closed + holds, late + missed
  end
  if closed == 0 then return { late > 0 and 'late' or 'repeat', late } end
  trace(a[5])
  if closed >= tonumber(facts[1]) then
    finish(m, tonumber(facts[2]), facts[3])
    return { 'committed', late }
  end
  for _, field in ipairs(applied) do
    local _, _, _, json = parse_recipient(field.value)
    write_recipient(m, field.number, 'd', field.attempt, from, json)
  end
  redis.call('HINCRBY', m, 'o', -closed)
  return { 'committed', late }
end
