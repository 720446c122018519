-- ledger key, sequence, ms -> 1: the last transaction of a connection. A script and no SET, for SET is refused when memory is full.
local function apply(a)
  redis.call('SET', a[1], a[2], 'PX', a[3])
  return 1
end
