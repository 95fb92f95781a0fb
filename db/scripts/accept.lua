-- Take one event into a bot's inbox, once.
-- KEYS: bots:version, inbox, seen by event, and for a message or a button also seen by what it is
-- ARGV: version the caller verified with, most entries, seconds to remember, wake-up channel,
--       event JSON, type, peer_id, conversation_message_id, from_id, event_id
-- Answer: 1 accepted, 0 seen already, -1 the inbox is full, -2 bots changed: read them, verify again, repeat.
-- The first write is a SET: a Redis out of memory refuses it, and then nothing at all has happened.
if (redis.call('GET', KEYS[1]) or '0') ~= ARGV[1] then
  return -2
end
for at = 3, #KEYS do
  if redis.call('EXISTS', KEYS[at]) == 1 then
    return 0
  end
end
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[2]) then
  return -1
end
for at = 3, #KEYS do
  redis.call('SET', KEYS[at], '', 'EX', ARGV[3])
end
local now = redis.call('TIME')
redis.call('XADD', KEYS[2], '*', 'e', ARGV[5], 't', ARGV[6], 'p', ARGV[7], 'c', ARGV[8], 'f', ARGV[9],
  'i', ARGV[10], 'a', now[1] .. string.format('%03d', math.floor(tonumber(now[2]) / 1000)))
redis.call('PUBLISH', ARGV[4], '')
return 1
