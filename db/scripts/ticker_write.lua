#!lua flags=allow-oom
-- Write what became of a tick, and give back the slots of the token's rate that it held.
-- KEYS: lease (database 0; may be ""); the ticker's hash, rate (in the ticker's database)
-- ARGV: lease value ("": no lease is asked for), database, the tick's entry ("": it held no slots), window us,
--       then field, value, ...
-- Answer: 1 written | 0 the lease is not ours, nothing was written
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local time = redis.call('TIME')
local ends = tonumber(time[1]) * 1000000 + tonumber(time[2]) + tonumber(ARGV[4])
redis.call('SELECT', ARGV[2])
redis.call('HSET', KEYS[2], unpack(ARGV, 5))
if ARGV[3] ~= '' then
  -- A request that was cut off may still reach VK: its slot stays for one window more.
  local mine = ARGV[3] .. ':'
  for _, slot in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
    if string.sub(slot, 1, #mine) == mine and tonumber(redis.call('ZSCORE', KEYS[3], slot)) > ends then
      redis.call('ZADD', KEYS[3], ends, slot)
    end
  end
end
return 1
