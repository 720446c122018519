-- Recipient numbers as entries name them (work.ts): `0-2,5` is 0, 1, 2, 5.
local function numbers_of(ranges)
  local numbers = {}
  for first, last in string.gmatch(ranges, '(%d+)%-?(%d*)') do
    for n = tonumber(first), tonumber(last == '' and first or last) do numbers[#numbers + 1] = n end
  end
  return numbers
end

-- Whose this value of the field `r<first>` is: of several the numbers come before their JSON (record.lua). Nil when there is none.
local function owners(first, value) return value and (string.match(value, '^[^\n]*\n(%d[^\n]*)\n') or first) end

-- JSON of each of several, which stands in a field as what all have in common and what each has besides, ',\n' between (codec.ts).
local function each_json(text)
  local parts, jsons = {}, {}
  for part in string.gmatch(text .. ',\n', '(.-),\n') do parts[#parts + 1] = part end
  for i = 2, #parts do jsons[i - 1] = (string.sub(parts[1], 1, -2) .. ',' .. string.sub(parts[i], 2)):gsub('^{,', '{'):gsub(',}$', '}') end
  return jsons
end
