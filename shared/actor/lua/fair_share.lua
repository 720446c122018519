-- Who owns keys, and a fair share of them: what a process of a role may hold of those that are active, or due and on their way to somebody.
--
--   alive:<role>    sorted set  process -> until when it plays the role
--   load:<role>     sorted set  process -> how many keys name it as their owner

-- By role and process: how many more it owns since this call began. Written once for all its items.
local owned = {}
-- The processes of a role, as this call found them.
local living = {}

local function owns(role, owner, change)
  if not owned[role] then owned[role] = {} end
  owned[role][owner] = (owned[role][owner] or 0) + change
end

after = function()
  for role, processes in pairs(owned) do
    for owner, change in pairs(processes) do
      local load = base .. 'load:' .. role
      if change ~= 0 and tonumber(redis.call('ZINCRBY', load, change, owner)) <= 0 then redis.call('ZREM', load, owner) end
    end
  end
end

-- A key is nobody's again; `owner` had it, if anybody.
local function disown(k, role, owner, ...)
  if owner then owns(role, owner, -1) end
  redis.call('HDEL', k, 'job', 'owner', 'credit', 'round', 'wake', ...)
end

-- How many activations a process has too many, when it takes `more`: beyond `slack` times an even share, and while another has two fewer.
local function too_many(role, process, more, slack, now)
  if not living[role] then living[role] = redis.call('ZRANGE', base .. 'alive:' .. role, 0, -1) end
  local processes, changes = living[role], owned[role] or {}
  if #processes < 2 then return 0 end
  local mine, least = more, math.huge
  for i, count in ipairs(redis.call('ZMSCORE', base .. 'load:' .. role, unpack(processes))) do
    local load = tonumber(count or 0) + (changes[processes[i]] or 0)
    if processes[i] == process then mine = more + load else least = math.min(least, load) end
  end
  local even = redis.call('ZCOUNT', base .. 'keys:' .. role, '-inf', now) / #processes
  if mine <= math.floor(even * slack) or mine - least < 2 then return 0 end
  return math.max(1, mine - math.ceil(even))
end
