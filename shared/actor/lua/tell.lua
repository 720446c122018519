-- mailbox, entry, due, now -> 1
local function apply(a)
  tell(a[1], a[2], tonumber(a[3]), tonumber(a[4]))
  return 1
end
