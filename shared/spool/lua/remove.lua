-- id, event -> 1 | 0: the operator deletes a message; its wake-ups find nothing and are dropped
local function apply(a)
  local m = record_key(a[1])
  if redis.call('EXISTS', m) == 0 then return 0 end
  finish_record(m)
  trace(a[2])
  return 1
end
