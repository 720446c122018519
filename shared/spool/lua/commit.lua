-- id, head, content, location, size, now, event -> 1 | 0 (repeat)
local function apply(a)
  return store(a[1], a[2], a[3], a[4], a[5], tonumber(a[6]), a[7])
end
