#!lua flags=allow-oom
-- Begin a lane under a new lease: what was tried before, and an end to the slots that earlier owners still hold.
-- KEYS: lease, state; rate (in the bot's own database)
-- ARGV: lease value, bot's database, us that such a slot may still be held
-- Answer: {"ok", now ms, {entry, "attempts:due ms:reason", ...}} | {"lost"}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'lost'}
end
local state = redis.call('HGETALL', KEYS[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local ends = now + tonumber(ARGV[3])
redis.call('SELECT', ARGV[2])
for _, slot in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. string.format('%.0f', ends), '+inf')) do
  redis.call('ZADD', KEYS[3], ends, slot)
end
return {'ok', math.floor(now / 1000), state}
