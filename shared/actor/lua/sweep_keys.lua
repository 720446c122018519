-- role, lock prefix, now, grace, limit -> keys whose wake-up was lost; each is planned again
local function apply(a)
  local role, now = a[1], tonumber(a[3])
  local index = base .. 'keys:' .. role
  local lost = {}
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now - tonumber(a[4]), 'LIMIT', 0, a[5])) do
    local mailbox = role .. ':' .. key
    local k = key_key(mailbox)
    local job, owner = unpack(redis.call('HMGET', k, 'job', 'owner'))
    if job and redis.call('EXISTS', a[2] .. job .. ':lock') == 1 then
      redis.call('ZADD', index, now, key)
    elseif job and redis.call('EXISTS', a[2] .. job) == 1 then
      -- Its process died: BullMQ's stalled check gives the job to another worker.
      redis.call('ZADD', index, now, key)
    else
      disown(k, role, owner, 'timer')
      awake[mailbox], planned[mailbox] = nil, nil
      if not forget_if_empty(mailbox) then
        plan(mailbox, first_waiting(mailbox) or now, now)
        lost[#lost + 1] = key
      end
    end
  end
  return lost
end
