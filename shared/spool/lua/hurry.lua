-- mailbox, now, how many held ones earlier pages have passed over, entries of a page -> held ones among those due already, those of them that waited for the site alone,
-- held ones passed over, entries made due now (pools need a job for each)
-- What is held stays where it is. The site's circuit is opened with the first page.
local function apply(a)
  local mailbox, now, d = a[1], tonumber(a[2]), due_key(a[1])
  local keyed, held, freed, told = string.find(mailbox, ':', 1, true), 0, 0, { 0, 0, 0 }
  local function is_held(entry)
    local found = redis.call('HEXISTS', record_key(string.sub(entry, 1, 25)), 'h') == 1
    if found then held = held + 1 end
    return found
  end
  -- Counted to a bound.
  if keyed and tonumber(redis.call('HGET', key_key(mailbox), 'until') or 0) > now then
    for _, entry in ipairs(redis.call('ZRANGEBYSCORE', d, '-inf', now, 'LIMIT', 0, 10000)) do
      if not is_held(entry) then freed = freed + 1 end
    end
  end
  told[1], told[2], held = held, freed, 0
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', d, '(' .. now, '+inf', 'LIMIT', a[3], a[4])) do
    if not is_held(entry) then
      redis.call('ZADD', d, now, entry)
      told[#told + 1] = entry
    end
  end
  if keyed then
    redis.call('HDEL', key_key(mailbox), 'until')
    if first_waiting(mailbox) then plan(mailbox, now, now) end
  end
  told[3] = held
  return told
end
