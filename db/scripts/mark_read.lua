-- Read what an earlier try of this event wrote down.
-- KEYS: lease, reply mark
-- ARGV: lease value
-- Answer: {"none"} | {"old", now ms, {field, value, ...} of the mark} | {"lost"} the lease is not ours
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'lost'}
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  return {'none'}
end
local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
return {'old', now, redis.call('HGETALL', KEYS[2])}
