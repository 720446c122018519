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

-- JSON of several, as it stands in a field: ',\n' between, for JSON has no line ends of its own.
local function each_json(text)
  local jsons = {}
  for json in string.gmatch(text .. ',\n', '(.-),\n') do jsons[#jsons + 1] = json end
  return jsons
end
