-- mailbox, epoch, count, now, credit, round -> fenced | ok, next due or '', due entries
local function apply(a)
  if not may_commit(a[1], a[2]) then return { 'fenced' } end
  local next, entries = hand_out(a[1], tonumber(a[3]), tonumber(a[4]), a[5], a[6])
  return { 'ok', next, entries }
end
