#!lua flags=allow-oom
-- Take one more slot of the token's rate for a job that runs: its second request and those after it.
-- KEYS: lease (database 0); rate (in the bot's own database)
-- ARGV: lease value, entry, attempt, number of the slot (the hand-out took 0), bot's database, slots in a window, window us, hold us
-- Answer: 0 taken | ms until one may be free | -1 the lease is not ours: send nothing more
-- Asking says that the requests of this job's earlier slots were answered. Without that, jobs that each hold
-- one slot and wait for another would wait for each other.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local ends, mine = now + tonumber(ARGV[7]), ARGV[2] .. ':' .. ARGV[3] .. ':'
redis.call('SELECT', ARGV[5])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
-- Slots that end later than any hold could (a deadline is 600 s at most): the clock was set back.
redis.call('ZREMRANGEBYSCORE', KEYS[2], now + 1200000000, '+inf')
if redis.call('ZSCORE', KEYS[2], mine .. ARGV[4]) then
  return 0
end
for number = 0, tonumber(ARGV[4]) - 1 do
  local held = redis.call('ZSCORE', KEYS[2], mine .. number)
  if held and tonumber(held) > ends then
    redis.call('ZADD', KEYS[2], ends, mine .. number)
  end
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) then
  local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
  return math.max(1, math.ceil((tonumber(first[2]) - now) / 1000))
end
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[8]), mine .. ARGV[4])
return 0
