-- id, head, content, location, size, now, event -> 1
local function apply(a)
  store(a[1], a[2], a[3], a[4], a[5], a[6], a[7])
  return 1
end
