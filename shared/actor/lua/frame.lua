-- The frame of every script: ledger key, script name and sequence, then many items, each `count, arg...`; one failing item does
-- not touch the rest. `after`, where a library sets it, runs once for all of them. The ledger says afterwards that this call ran.
local results, i = {}, 4
while i <= #ARGV do
  local count, item = tonumber(ARGV[i]), {}
  for j = 1, count do item[j] = ARGV[i + j] end
  local ok, value = pcall(apply, item)
  results[#results + 1] = ok and value or { err = type(value) == 'table' and value.err or tostring(value) }
  i = i + count + 1
end
if after then after() end
if redis.call('HSET', ARGV[1], ARGV[2], ARGV[3]) == 1 or tonumber(ARGV[3]) % 256 == 0 then redis.call('EXPIRE', ARGV[1], 86400) end
return { results, wakes }
