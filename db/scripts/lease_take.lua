#!lua flags=allow-oom
-- Take lanes that are free, up to a number of them.
-- KEYS: leases   ARGV: length ms, how many at the most, then the value for each lease, new at every taking
-- A lease that ends later than any could (60 s is the longest) is nobody's: the clock was set back, its owner is dead.
-- Who lives renews it within a second or so, by today's clock.
-- Answer: for each lease 1 ours now, 0 somebody else's, 2 free and not taken. A repeat after a lost answer gives the same.
local answer, left = {}, tonumber(ARGV[2])
for at = 1, #KEYS do
  if redis.call('GET', KEYS[at]) == ARGV[at + 2] then
    left = left - 1
  end
end
for at = 1, #KEYS do
  local owner = redis.call('GET', KEYS[at])
  local is_ours = owner == ARGV[at + 2]
  if is_ours or not owner or redis.call('PTTL', KEYS[at]) > 120000 then
    if is_ours or left > 0 then
      redis.call('SET', KEYS[at], ARGV[at + 2], 'PX', ARGV[1])
      left = is_ours and left or left - 1
      answer[at] = 1
    else
      answer[at] = 2
    end
  else
    answer[at] = 0
  end
end
return answer
