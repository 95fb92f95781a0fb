#!lua flags=allow-oom
-- Forget what was about to be sent for an event, when VK refused it and nothing of it was sent.
-- KEYS: lease, reply mark
-- ARGV: lease value, ms since this try began
-- Answer: 1 forgotten | 0 kept: there is none, an earlier try began it, or a part was sent | -1 the lease is not ours
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
local begun = tonumber(redis.call('HGET', KEYS[2], 'begun_ms') or '')
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- Two fields, the reply and its time: no part is noted as sent.
if not begun or begun < now - tonumber(ARGV[2]) or redis.call('HLEN', KEYS[2]) > 2 then
  return 0
end
return redis.call('DEL', KEYS[2])
