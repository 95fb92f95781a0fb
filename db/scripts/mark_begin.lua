#!lua flags=allow-oom
-- Write down what is about to be sent for an event, once; or give back what an earlier try wrote down.
-- KEYS: lease, reply mark (database 0); peer (in the bot's own database)
-- ARGV: lease value, the reply (JSON), ms to keep it, bot's database, s to keep the conversation, its fields and values
-- Answer: {"new", now ms} | {"old", now ms, {field, value, ...} of the mark} | {"lost"} the lease is not ours
-- It may write when memory is out: a reply makes room.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'lost'}
end
local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
if redis.call('EXISTS', KEYS[2]) == 1 then
  return {'old', now, redis.call('HGETALL', KEYS[2])}
end
redis.call('HSET', KEYS[2], 'reply', ARGV[2], 'begun_ms', now)
redis.call('PEXPIRE', KEYS[2], ARGV[3])
if #ARGV > 5 then
  redis.call('SELECT', ARGV[4])
  redis.call('HSET', KEYS[3], unpack(ARGV, 6))
  redis.call('EXPIRE', KEYS[3], ARGV[5])
end
return {'new', now}
