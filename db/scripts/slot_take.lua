#!lua flags=allow-oom
-- Take a slot of the token's rate: for a batch, or for a job that runs its second request and those after it.
-- KEYS: lease (database 0); rate (in the bot's own database)
-- ARGV: lease value, entry, attempt, number of the slot (the hand-out took 0), bot's database, slots in a window, window us, hold us,
--       lead us
-- Answer: {"ok", us until the slot begins} | {"wait", ms until one may be free} | {"lost"} the lease is not ours: send nothing more
-- Asking says that the requests of this job's earlier slots were answered. Without that, jobs that each hold
-- one slot and wait for another would wait for each other.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'lost'}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local ends, mine = now + tonumber(ARGV[7]), ARGV[2] .. ':' .. ARGV[3] .. ':'
redis.call('SELECT', ARGV[5])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
-- Slots that end later than any hold could (a deadline is 600 s at most): the clock was set back.
redis.call('ZREMRANGEBYSCORE', KEYS[2], now + 1200000000, '+inf')
redis.call('ZREM', KEYS[2], mine .. ARGV[4])
for number = 0, tonumber(ARGV[4]) - 1 do
  local held = redis.call('ZSCORE', KEYS[2], mine .. number)
  if held and tonumber(held) > ends then
    redis.call('ZADD', KEYS[2], ends, mine .. number)
  end
end
local over, lead, begins = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[6]), tonumber(ARGV[9]), 0
if over >= 0 then
  -- It begins when so many have ended that one place is free.
  local last = redis.call('ZRANGE', KEYS[2], over, over, 'WITHSCORES')
  begins = tonumber(last[2]) - now
  if begins > lead then
    return {'wait', math.max(1, math.ceil((begins - lead) / 1000))}
  end
end
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[8]), mine .. ARGV[4])
return {'ok', begins}
