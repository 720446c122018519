-- The frame of every script: one call handles many items, each `count, arg...`; one failing item does not touch the rest.
-- `after`, where a library sets it, runs once for all of them.
local results, i = {}, 1
while i <= #ARGV do
  local count, item = tonumber(ARGV[i]), {}
  for j = 1, count do item[j] = ARGV[i + j] end
  local ok, value = pcall(apply, item)
  results[#results + 1] = ok and value or { err = type(value) == 'table' and value.err or tostring(value) }
  i = i + count + 1
end
if after then after() end
return { results, wakes }
