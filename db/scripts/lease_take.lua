#!lua flags=allow-oom
-- Take every lane that is free.
-- KEYS: leases   ARGV: length ms, then the value for each lease, new at every taking
-- A lease that ends later than any could (60 s is the longest) is nobody's: the clock was set back, its owner is dead.
-- Who lives renews it within a second or so, by today's clock.
-- Answer: for each lease 1 ours now, 0 somebody else's. A repeat after a lost answer gives the same.
local answer = {}
for at = 1, #KEYS do
  local owner = redis.call('GET', KEYS[at])
  if not owner or owner == ARGV[at + 1] or redis.call('PTTL', KEYS[at]) > 120000 then
    redis.call('SET', KEYS[at], ARGV[at + 1], 'PX', ARGV[1])
    answer[at] = 1
  else
    answer[at] = 0
  end
end
return answer
