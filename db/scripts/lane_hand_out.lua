#!lua flags=allow-oom
-- Let a worker begin one inbox entry: fence, take a slot of the token's rate, count the attempt, and give what the job needs.
-- KEYS: lease, state, inbox, person (may be ""), delta of the base; rate (in the bot's own database)
-- ARGV: lease value, entry, attempt, bot's database, slots in a window (0: this job sends nothing), hold us, lead us
-- Answer: {"ok", now ms, event, {person field, value, ...}, last delta id, us until the slot begins} | {"wait", ms until a slot may be free}
--         | {"gone"} the entry is not in the inbox | {"lost"} the lease is not ours
-- A repeat of the same attempt takes no second slot. A slot is held from here until its request was answered, and for
-- one window more, so that no window of VK's ever holds too many requests, however long a worker waits before it sends.
-- It is given a little before it begins, while others still end: the job has things to do before it sends.
-- It may write when memory is out: handing out is what makes room.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'lost'}
end
local found = redis.call('XRANGE', KEYS[3], ARGV[2], ARGV[2])
if #found == 0 then
  redis.call('HDEL', KEYS[2], ARGV[2])
  return {'gone'}
end
local fields, event = found[1][2], ''
for at = 1, #fields, 2 do
  if fields[at] == 'e' then
    event = fields[at + 1]
  end
end
local person = KEYS[4] ~= '' and redis.call('HGETALL', KEYS[4]) or {}
local newest = redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', 1)
local delta = #newest == 1 and newest[1][1] or '0-0'

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local limit, hold, begins = tonumber(ARGV[5]), tonumber(ARGV[6]), 0
if limit > 0 then
  local slot = ARGV[2] .. ':' .. ARGV[3] .. ':0'
  redis.call('SELECT', ARGV[4])
  redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', now)
  -- Slots that end later than any hold could: the clock was set back.
  redis.call('ZREMRANGEBYSCORE', KEYS[6], now + 2 * hold, '+inf')
  redis.call('ZREM', KEYS[6], slot)
  local over = redis.call('ZCARD', KEYS[6]) - limit
  if over >= 0 then
    -- It begins when so many have ended that one place is free.
    local last = redis.call('ZRANGE', KEYS[6], over, over, 'WITHSCORES')
    begins = tonumber(last[2]) - now
    if begins > tonumber(ARGV[7]) then
      return {'wait', math.ceil((begins - tonumber(ARGV[7])) / 1000)}
    end
  end
  redis.call('ZADD', KEYS[6], now + hold, slot)
  redis.call('SELECT', 0)
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3] .. ':0:')
return {'ok', math.floor(now / 1000), event, person, delta, begins}
