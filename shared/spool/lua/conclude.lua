-- id, from, epoch, entry, event, then number, attempt per recipient -> committed | repeat | late | fenced, late outcomes
-- The common end: all that are still open have their final outcome and owe no DSN, so nothing of theirs needs to be written.
local function apply(a)
  local id, from = a[1], a[2]
  if not may_commit(from, a[3]) then return { 'fenced', 0 } end
  local m = record_key(id)
  redis.call('ZREM', due_key(from), a[4])
  local fields = { 'o', 's', 'l' }
  for i = 6, #a, 2 do fields[#fields + 1] = 'r' .. a[i] end
  local facts = redis.call('HMGET', m, unpack(fields))
  local applied, late = {}, 0
  for i = 6, #a, 2 do
    local verdict = judge(facts[i / 2 + 1], from, tonumber(a[i + 1]))
    if verdict == 'late' then late = late + 1 end
    if verdict == 'applied' then applied[#applied + 1] = i end
  end
  if #applied == 0 then return { late > 0 and 'late' or 'repeat', late } end
  trace(a[5])
  if #applied >= tonumber(facts[1]) then
    finish(m, tonumber(facts[2]), facts[3])
    return { 'committed', late }
  end
  for _, i in ipairs(applied) do
    local _, _, _, json = parse_recipient(facts[i / 2 + 1])
    write_recipient(m, a[i], 'd', a[i + 1], from, json)
  end
  redis.call('HINCRBY', m, 'o', -#applied)
  return { 'committed', late }
end
