-- Reads many records in one call: for each, id, recipients (ranges or ''), number of fields, fields, of which the last is the one of the
-- first recipient. It answers their values, and where that one is not of exactly these recipients, number, value of all others that may
-- hold some of them. Stands alone, without the frame: it changes nothing.
local base, replies, i = KEYS[1], {}, 1

-- In pieces, for unpack has its limit.
local function values_of(key, names)
  local values = {}
  for from = 1, #names, 1000 do
    for _, value in ipairs(redis.call('HMGET', key, unpack(names, from, math.min(from + 999, #names)))) do values[#values + 1] = value end
  end
  return values
end

local function add_others(key, ranges, values)
  local numbers, names = numbers_of(ranges), {}
  for n in string.gmatch(redis.call('HGET', key, 'g') or '', '%d+') do numbers[#numbers + 1] = n end
  for j = 2, #numbers do names[#names + 1] = 'r' .. numbers[j] end
  for j, value in ipairs(values_of(key, names)) do
    if value then
      values[#values + 1] = tostring(numbers[j + 1])
      values[#values + 1] = value
    end
  end
end

while i <= #ARGV do
  local key, ranges, names, last = base .. 'm:' .. ARGV[i], ARGV[i + 1], {}, i + 2 + tonumber(ARGV[i + 2])
  for j = i + 3, last do names[#names + 1] = ARGV[j] end
  local values = values_of(key, names)
  if values[1] and ranges ~= '' and owners(string.sub(names[#names], 2), values[#values]) ~= ranges then add_others(key, ranges, values) end
  replies[#replies + 1] = values
  i = last + 1
end
return replies
