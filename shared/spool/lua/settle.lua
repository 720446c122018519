-- id, from, epoch, entry, now, event, then per fate: recipients (ranges), attempt, state, mailbox, entry, due, JSON of each (codec.ts), warning or ''
-- -> committed | repeat | late | fenced, late outcomes

-- The fields of the fate at `i`, each with its new JSON.
local function fated(m, a, i)
  local fields = fields_of(m, a[i])
  local jsons = #fields > 1 and each_json(a[i + 6]) or { fields[1].size > 1 and a[i] .. '\n' .. a[i + 6] or a[i + 6] }
  for at, field in ipairs(fields) do field.fate, field.json = i, jsons[at] end
  return fields
end

local function warn_of(m, ranges, field)
  for _, number in ipairs(field.size > 1 and numbers_of(ranges) or { field.number }) do redis.call('HSET', m, 'w' .. number, '1') end
end

local function apply(a)
  local id, from, now = a[1], a[2], tonumber(a[5])
  if not may_commit(from, a[3]) then return { 'fenced', 0 } end
  local m = record_key(id)
  redis.call('ZREM', due_key(from), a[4])
  local facts = redis.call('HMGET', m, 'o', 's', 'l')
  local applied, closed, late = {}, 0, 0
  for i = 7, #a, 8 do
    local holds, missed = sift(fated(m, a, i), from, tonumber(a[i + 1]), applied)
    late = late + missed
    if a[i + 2] == 'd' then closed = closed + holds end
  end
  if #applied == 0 then return { late > 0 and 'late' or 'repeat', late } end
  trace(a[6])
  if closed >= tonumber(facts[1]) then
    finish(m, tonumber(facts[2]), facts[3])
    return { 'committed', late }
  end
  local told
  for _, field in ipairs(applied) do
    local i = field.fate
    write_recipient(m, field.number, a[i + 2], field.attempt, a[i + 3], field.json)
    if a[i + 7] ~= '' then warn_of(m, a[i], field) end
    if told ~= i and a[i + 2] ~= 'd' then tell(a[i + 3], a[i + 4], tonumber(a[i + 5]), now) end
    if told ~= i and a[i + 7] ~= '' then tell('bounce', a[i + 7], now, now) end
    told = i
  end
  if closed > 0 then redis.call('HINCRBY', m, 'o', -closed) end
  return { 'committed', late }
end
