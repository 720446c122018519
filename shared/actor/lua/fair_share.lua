-- A fair share: what a process of a role may hold of the keys that are active, or due and on their way to somebody.

-- How many activations a process has too many, when it takes `more`: beyond `slack` times an even share, and while another has two fewer.
local function too_many(role, process, more, slack, now)
  local alive = redis.call('ZRANGE', base .. 'alive:' .. role, 0, -1)
  if #alive < 2 then return 0 end
  local mine, least = more, math.huge
  for i, count in ipairs(redis.call('ZMSCORE', base .. 'load:' .. role, unpack(alive))) do
    if alive[i] == process then mine = more + tonumber(count or 0) else least = math.min(least, tonumber(count or 0)) end
  end
  local even = redis.call('ZCOUNT', base .. 'keys:' .. role, '-inf', now) / #alive
  if mine <= math.floor(even * slack) or mine - least < 2 then return 0 end
  return math.max(1, mine - math.ceil(even))
end
