#!lua flags=no-writes
-- Reads many records in one call: for each, id, number of fields, fields. Stands alone, without the frame: it changes nothing.
local base, replies, i = KEYS[1], {}, 1
while i <= #ARGV do
  local key, last = base .. 'm:' .. ARGV[i], i + 1 + tonumber(ARGV[i + 1])
  local values = redis.call('HMGET', key, unpack(ARGV, i + 2, math.min(i + 1001, last)))
  for from = i + 1002, last, 1000 do
    local more = redis.call('HMGET', key, unpack(ARGV, from, math.min(from + 999, last)))
    for j = 1, #more do values[#values + 1] = more[j] end
  end
  replies[#replies + 1] = values
  i = last + 1
end
return replies
