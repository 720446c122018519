-- id, from, epoch, entry, now, event, then per fate: recipients (ranges), attempt, state, mailbox, entry, due, JSON of each (',\n' between)
-- or '' to leave it as it is, warning or '' -> committed | repeat | late | fenced, late outcomes

-- The fields of the fate at `i`, each with its new JSON.
local function fated(m, a, i, first)
  local fields, json = fields_of(m, a[i], first), a[i + 6]
  local jsons = #fields > 1 and each_json(json) or { fields[1].size > 1 and a[i] .. '\n' .. json or json }
  for at, field in ipairs(fields) do
    field.fate = i
    if json ~= '' then field.json = jsons[at] end
  end
  return fields
end

local function write_field(m, a, field)
  local i = field.fate
  write_recipient(m, field.number, a[i + 2], a[i + 1], a[i + 3], field.json or select(4, parse_recipient(field.value)))
  if a[i + 7] == '' then return end
  for _, number in ipairs(field.size > 1 and numbers_of(a[i]) or { field.number }) do redis.call('HSET', m, 'w' .. number, '1') end
end

local function apply(a)
  local id, from, now = a[1], a[2], tonumber(a[5])
  if not may_commit(from, a[3]) then return { 'fenced', 0 } end
  local m = record_key(id)
  redis.call('ZREM', due_key(from), a[4])
  local facts = redis.call('HMGET', m, 'o', 's', 'l', 'r' .. string.match(a[7] or '', '^%d*'))
  local applied, closed, late = {}, 0, 0
  for i = 7, #a, 8 do
    for _, field in ipairs(fated(m, a, i, i == 7 and facts[4] or nil)) do
      local verdict = judge(field.value, from, tonumber(a[i + 1]))
      if verdict == 'late' then late = late + field.size end
      if verdict == 'applied' then
        applied[#applied + 1] = field
        if a[i + 2] == 'd' then closed = closed + field.size end
      end
    end
  end
  if #applied == 0 then return { late > 0 and 'late' or 'repeat', late } end
  trace(a[6])
  -- The common end: nothing of anybody needs to be written.
  if closed >= tonumber(facts[1]) then
    finish(m, tonumber(facts[2]), facts[3])
    return { 'committed', late }
  end
  local told
  for _, field in ipairs(applied) do
    local i = field.fate
    write_field(m, a, field)
    if told ~= i and a[i + 2] ~= 'd' then tell(a[i + 3], a[i + 4], tonumber(a[i + 5]), now) end
    if told ~= i and a[i + 7] ~= '' then tell('bounce', a[i + 7], now, now) end
    told = i
  end
  if closed > 0 then redis.call('HINCRBY', m, 'o', -closed) end
  return { 'committed', late }
end
