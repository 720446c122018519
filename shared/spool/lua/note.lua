-- id, event -> 1: what the operator did, told in the trace and nowhere else
local function apply(a)
  trace(a[2])
  return 1
end
