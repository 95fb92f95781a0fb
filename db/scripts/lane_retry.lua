#!lua flags=allow-oom
-- Note that an entry's attempt failed and when its next one is due.
-- KEYS: lease, state, inbox; rate (in the bot's own database)
-- ARGV: lease value, entry, attempt, attempts to remember, delay ms, reason, bot's database, slots used (-1: all taken),
--       us that each used slot is held from now, by number, the last for all others
-- Answer: {"ok", now ms, due ms} | {"gone"} | {"lost"}
-- Absolute values, so that a repeat after a lost answer does no harm.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'lost'}
end
local gone = #redis.call('XRANGE', KEYS[3], ARGV[2], ARGV[2]) == 0
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local due = math.floor(now / 1000) + tonumber(ARGV[5])
if gone then
  redis.call('HDEL', KEYS[2], ARGV[2])
else
  redis.call('HSET', KEYS[2], ARGV[2], string.format('%s:%.0f:%s', ARGV[4], due, ARGV[6]))
end

-- Used slots stay for one window after VK had the request; unused ones are given back.
redis.call('SELECT', ARGV[7])
local mine, used, holds = ARGV[2] .. ':' .. ARGV[3] .. ':', tonumber(ARGV[8]), {}
for us in string.gmatch(ARGV[9], '%d+') do
  holds[#holds + 1] = tonumber(us)
end
for _, slot in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
  if string.sub(slot, 1, #mine) == mine then
    local number = tonumber(string.sub(slot, #mine + 1))
    local ends = now + (holds[number + 1] or holds[#holds])
    if used >= 0 and number >= used then
      redis.call('ZREM', KEYS[4], slot)
    elseif tonumber(redis.call('ZSCORE', KEYS[4], slot)) > ends then
      redis.call('ZADD', KEYS[4], ends, slot)
    end
  end
end
return gone and {'gone'} or {'ok', math.floor(now / 1000), due}
