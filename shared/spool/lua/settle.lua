-- id, from, epoch, entry, now, event, count, then per recipient: number, attempt, state, mailbox, entry, due, json, warning or ''
-- -> committed | repeat | late | fenced, late outcomes
local function apply(a)
  local id, from, now, n = a[1], a[2], tonumber(a[5]), tonumber(a[7])
  if not may_commit(from, a[3]) then return { 'fenced', 0 } end
  local m = apart(record_key(id))
  redis.call('ZREM', due_key(from), a[4])
  local facts = redis.call('HMGET', m, 'o', 's', 'l', 'r' .. (a[8] or ''))
  local applied, late, closed, last_mailbox, last_entry = {}, 0, 0, '', ''
  for i = 8, 7 + n * 8, 8 do
    local stored = facts[4]
    if i > 8 then stored = redis.call('HGET', m, 'r' .. a[i]) end
    local verdict = judge(stored, from, tonumber(a[i + 1]))
    if verdict == 'late' then late = late + 1 end
    if verdict == 'applied' then
      applied[#applied + 1] = i
      if a[i + 2] == 'd' then closed = closed + 1 end
    end
  end
  if #applied == 0 then return { late > 0 and 'late' or 'repeat', late } end
  trace(a[6])
  if closed >= tonumber(facts[1]) then
    finish(m, tonumber(facts[2]), facts[3])
    return { 'committed', late }
  end
  for _, i in ipairs(applied) do
    local mailbox, entry = a[i + 3], a[i + 4]
    write_recipient(m, a[i], a[i + 2], a[i + 1], mailbox, a[i + 6])
    if a[i + 2] ~= 'd' and (mailbox ~= last_mailbox or entry ~= last_entry) then
      tell(mailbox, entry, tonumber(a[i + 5]), now)
      last_mailbox, last_entry = mailbox, entry
    end
    if a[i + 7] ~= '' then
      redis.call('HSET', m, 'w' .. a[i], '1')
      tell('bounce', a[i + 7], now, now)
    end
  end
  if closed > 0 then redis.call('HINCRBY', m, 'o', -closed) end
  return { 'committed', late }
end
