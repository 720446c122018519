-- mailbox, epoch, count, now, credit, round -> fenced | ok, next due or '', due entries (those that the activation has in hand among them)
local function apply(a)
  if not may_commit(a[1], a[2]) then return { 'fenced' } end
  local count = tonumber(a[3])
  local entries, last, next = look(a[1], count, tonumber(a[4]))
  redis.call('HSET', key_key(a[1]), unpack(handing_out(entries, count, last, a[5], a[6])))
  return { 'ok', next, entries }
end
