-- Put a dead letter back into its bot's inbox, exactly once.
-- KEYS: dead, bots, the bot's inbox   ARGV: letter, bot, wake-up channel
-- Answer: the new entry | 0 there is no such letter | -1 the bot is gone
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if #found == 0 then
  return 0
end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 0 then
  return -1
end
local own = {e = true, t = true, p = true, c = true, f = true, i = true}
local time = redis.call('TIME')
-- "r": somebody wants it answered, however old the message itself is.
local fields = {'r', '1', 'a', time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))}
for at = 1, #found[1][2], 2 do
  if own[found[1][2][at]] then
    fields[#fields + 1] = found[1][2][at]
    fields[#fields + 1] = found[1][2][at + 1]
  end
end
local entry = redis.call('XADD', KEYS[3], '*', unpack(fields))
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[3], '')
return entry
