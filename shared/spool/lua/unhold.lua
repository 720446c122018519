-- id, now, event -> 1, then mailbox, entry, ... told again; 0 when it was not held
local function apply(a)
  local m, now, told = record_key(a[1]), tonumber(a[2]), { 1 }
  if redis.call('HDEL', m, 'h') == 0 then return { 0 } end
  for mailbox, entry in string.gmatch(redis.call('HGET', m, 'p') or '', '([^\t\n]+)\t([^\n]+)\n') do
    tell(mailbox, entry, now, now)
    told[#told + 1] = mailbox
    told[#told + 1] = entry
  end
  redis.call('HDEL', m, 'p')
  trace(a[3])
  return told
end
