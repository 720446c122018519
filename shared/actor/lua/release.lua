-- mailbox, epoch, now, learnt, until, force ('2': with entries in hand), tries (JSON: throws by entry) -> fenced | more | released
-- Ends an activation: what it did not finish is due as before; with work due (and not forced) it has to go on.
local function apply(a)
  local mailbox, now, closed = a[1], tonumber(a[3]), tonumber(a[5])
  local k = key_key(mailbox)
  local s = redis.call('HMGET', k, 'epoch', 'owner')
  if s[1] ~= a[2] then return { 'fenced' } end
  local next = first_waiting(mailbox)
  if a[6] == '0' and closed <= now and next and next <= now then return { 'more' } end
  local role, key = role_and_key(mailbox)
  if not next and a[4] == '' then
    -- Nothing waits and nothing was learnt: the key is as it was before anybody told it of anything.
    if s[2] then owns(role, s[2], -1) end
    redis.call('ZREM', base .. 'keys:' .. role, key)
    redis.call('DEL', k)
    return { 'released' }
  end
  local gone = {}
  local function keep(name, value, kept)
    if kept then redis.call('HSET', k, name, value) else gone[#gone + 1] = name end
  end
  keep('learnt', a[4], a[4] ~= '')
  keep('tries', a[7], a[7] ~= '')
  keep('until', a[5], closed > now)
  if a[6] ~= '2' then gone[#gone + 1] = 'handed' end
  disown(k, role, s[2], unpack(gone))
  awake[mailbox] = nil
  if not forget_if_empty(mailbox) and next then plan(mailbox, next, now) end
  return { 'released' }
end
