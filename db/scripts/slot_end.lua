#!lua flags=allow-oom
-- End the slots of a batch: used ones a window after VK had the request, unused ones at once.
-- KEYS: lease (database 0); rate (in the bot's own database)
-- ARGV: lease value, entry, attempt, bot's database, slots used (-1: all taken),
--       us that each used slot is held from now, by number, the last for all others
-- Answer: "ok" | "lost" the lease is not ours, and its heir has ended them
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 'lost'
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local mine, used, holds = ARGV[2] .. ':' .. ARGV[3] .. ':', tonumber(ARGV[5]), {}
for us in string.gmatch(ARGV[6], '%d+') do
  holds[#holds + 1] = tonumber(us)
end
redis.call('SELECT', ARGV[4])
for _, slot in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if string.sub(slot, 1, #mine) == mine then
    local number = tonumber(string.sub(slot, #mine + 1))
    local ends = now + (holds[number + 1] or holds[#holds])
    if used >= 0 and number >= used then
      redis.call('ZREM', KEYS[2], slot)
    elseif tonumber(redis.call('ZSCORE', KEYS[2], slot)) > ends then
      redis.call('ZADD', KEYS[2], ends, slot)
    end
  end
end
return 'ok'
