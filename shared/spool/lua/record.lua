-- The record of a message and how it ends. Included in every script of the spool, after the mailbox library and ranges.lua.
--
--   m:<id>   hash   e head (JSON) · c content, or l cold location · s size · o open recipients · x expanded · h held
--                   p parked wake-ups · r<n> recipient: state, attempts ':' mailbox '\n' JSON · w<n> its delay is to be told
--                   g first numbers of r<n> that several share: there, before the JSON, their numbers (ranges) '\n'; the JSON is that of each_json
--                   u chunks of wake-ups not told yet, u<n> each: mailbox '\t' entry '\n', repeated
--   trace    stream capped, each entry `e` and events, repeated; read into SQL · trash list cold locations to remove · stat hash counters
--
-- States: q queued, o owed (a DSN), d done.

local function record_key(id) return base .. 'm:' .. id end

-- Trace events and counters of all items of a call are written once, at its end.
local events, changes = {}, { messages = 0, bytes = 0, hot = 0 }

local function trace(event)
  if event ~= '' then
    events[#events + 1] = 'e'
    events[#events + 1] = event
  end
end

local function count(name, change) changes[name] = changes[name] + change end

after = function()
  -- At most 32 events of some 300 bytes in one of at most 10,000 entries: 100 MB, should nobody collect them.
  for i = 1, #events, 64 do
    redis.call('XADD', base .. 'trace', 'MAXLEN', '~', 10000, '*', unpack(events, i, math.min(i + 63, #events)))
  end
  for name, change in pairs(changes) do
    if change ~= 0 then redis.call('HINCRBY', base .. 'stat', name, change) end
  end
end

-- state, attempts, mailbox, json of a stored recipient; nil when there is none.
local function parse_recipient(value)
  if not value then return nil end
  local state, attempts, mailbox, rest = string.match(value, '^(%a)(%d+):([^\n]*)\n(.*)$')
  return state, tonumber(attempts), mailbox, rest
end

-- What the outcome of an attempt at `from` is to a stored recipient: applied, repeat or late.
local function judge(value, from, attempt)
  -- Mostly it is the attempt after the last one, of a recipient that is still there: that shows without taking the value apart.
  local expected = 'q' .. attempt - 1 .. ':' .. from .. '\n'
  if value and string.sub(value, 1, #expected) == expected then return 'applied' end
  local state, attempts, at = parse_recipient(value)
  if state == 'q' and at == from and attempts < attempt then return 'applied' end
  return attempts == attempt and 'repeat' or 'late'
end

-- Gives each recipient a field of its own where one of these shares one.
local function take_apart(m, numbers)
  local shared, asked, left = redis.call('HGET', m, 'g'), {}, {}
  if not shared then return end
  for _, number in ipairs(numbers) do asked[number] = true end
  for first in string.gmatch(shared, '%d+') do
    local prefix, ranges, json = string.match(redis.call('HGET', m, 'r' .. first), '^([^\n]*\n)([^\n]*)\n(.*)$')
    local fields, concerned, jsons = {}, false, each_json(json)
    for i, number in ipairs(numbers_of(ranges)) do
      concerned = concerned or asked[number]
      fields[i * 2 - 1] = 'r' .. number
      fields[i * 2] = prefix .. jsons[i]
    end
    if concerned then redis.call('HSET', m, unpack(fields)) else left[#left + 1] = first end
  end
  if #left > 0 then redis.call('HSET', m, 'g', table.concat(left, ' ')) else redis.call('HDEL', m, 'g') end
end

-- The fields of these recipients (ranges): their own one where they share it, otherwise one for each, and then none shares with others.
-- Each is its number, its value or false, and of how many it is. `first` is the value of the first one's field where it is known.
local function fields_of(m, ranges, first)
  local number = string.match(ranges, '^%d*')
  local value = first or redis.call('HGET', m, 'r' .. number)
  if owners(number, value) == ranges then return { { number = number, value = value, size = number == ranges and 1 or #numbers_of(ranges) } } end
  local numbers, fields = numbers_of(ranges), {}
  take_apart(m, numbers)
  for i = 1, #numbers do fields[i] = { number = numbers[i], value = redis.call('HGET', m, 'r' .. numbers[i]), size = 1 } end
  return fields
end

-- Adds to `applied` the fields for which the outcome of this attempt holds. For how many recipients it does, and for how many it comes late.
local function sift(fields, from, attempt, applied)
  local holds, late = 0, 0
  for _, field in ipairs(fields) do
    local verdict = judge(field.value, from, attempt)
    if verdict == 'late' then late = late + field.size end
    if verdict == 'applied' then
      holds = holds + field.size
      field.attempt = attempt
      applied[#applied + 1] = field
    end
  end
  return holds, late
end

local function write_recipient(m, number, state, attempts, mailbox, json)
  redis.call('HSET', m, 'r' .. number, state .. attempts .. ':' .. mailbox .. '\n' .. json)
end

-- True while the sender is to be told of a recipient's delay. One with a final outcome is delayed no more.
local function owes_warning(m, number)
  return redis.call('HEXISTS', m, 'w' .. number) == 1 and parse_recipient(fields_of(m, tostring(number))[1].value) == 'q'
end

-- The message is over: content and record go. Late wake-ups and outcomes find no record and change nothing.
local function finish(m, size, location)
  if location then
    redis.call('RPUSH', base .. 'trash', location)
  else
    count('hot', -size)
  end
  count('bytes', -size)
  count('messages', -1)
  redis.call('UNLINK', m)
end

local function finish_record(m)
  local s = redis.call('HMGET', m, 's', 'l')
  finish(m, tonumber(s[1] or 0), s[2])
end

local function close(m, closed)
  if closed > 0 and redis.call('HINCRBY', m, 'o', -closed) <= 0 then finish_record(m) end
end

-- Writes a new record and tells the router. Ids are not used twice, and no transaction runs twice (group-commit.ts).
local function store(id, head, content, location, size, now, event)
  if location == '' then
    redis.call('HSET', record_key(id), 'e', head, 's', size, 'o', 1, 'c', content)
    count('hot', size)
  else
    redis.call('HSET', record_key(id), 'e', head, 's', size, 'o', 1, 'l', location)
  end
  count('bytes', size)
  count('messages', 1)
  redis.call('ZADD', due_key('router'), now, id)
  trace(event)
end
