-- id, from, epoch, entry, event, then numbers, attempt of those with the same attempt -> committed | repeat | late | fenced, late outcomes
-- The common end: all that are still open have their final outcome and owe no DSN, so nothing of theirs needs to be written.

-- Who is concluded, each as number of the field, its value, the attempt and how many share it: mostly that is one, which is `first`.
local function concluded(m, a, first)
  local number = string.match(a[6], '^%d+')
  if #a == 7 and owners(number, first) == a[6] then return { { number, first, tonumber(a[7]), #numbers_of(a[6]) } } end
  local fields, names = {}, {}
  for i = 6, #a, 2 do
    for _, number in ipairs(numbers_of(a[i])) do
      fields[#fields + 1] = { number, false, tonumber(a[i + 1]), 1 }
      names[#names + 1] = 'r' .. number
    end
  end
  for i, value in ipairs(redis.call('HMGET', apart(m), unpack(names))) do fields[i][2] = value end
  return fields
end

local function apply(a)
  local id, from = a[1], a[2]
  if not may_commit(from, a[3]) then return { 'fenced', 0 } end
  local m = record_key(id)
  redis.call('ZREM', due_key(from), a[4])
  local facts = redis.call('HMGET', m, 'o', 's', 'l', 'r' .. string.match(a[6], '^%d+'))
  local applied, closed, late = {}, 0, 0
  for _, field in ipairs(concluded(m, a, facts[4])) do
    local verdict = judge(field[2], from, field[3])
    if verdict == 'late' then late = late + field[4] end
    if verdict == 'applied' then
      applied[#applied + 1] = field
      closed = closed + field[4]
    end
  end
  if closed == 0 then return { late > 0 and 'late' or 'repeat', late } end
  trace(a[5])
  if closed >= tonumber(facts[1]) then
    finish(m, tonumber(facts[2]), facts[3])
    return { 'committed', late }
  end
  for _, field in ipairs(applied) do
    local _, _, _, json = parse_recipient(field[2])
    write_recipient(m, field[1], 'd', field[3], from, json)
  end
  redis.call('HINCRBY', m, 'o', -closed)
  return { 'committed', late }
end
