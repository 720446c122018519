-- lock, token, ms, then mailbox, epoch of each activation that shares it -> 1 | 0 of each: extends the BullMQ lock that is their lease
local function apply(a)
  local held = redis.call('GET', a[1]) == a[2] and redis.call('PEXPIRE', a[1], a[3]) == 1
  local answers = {}
  for i = 4, #a, 2 do answers[#answers + 1] = held and may_commit(a[i], a[i + 1]) and 1 or 0 end
  return answers
end
