#!lua flags=allow-oom
-- Renew the leases that are still ours. A missing one is refused: it may have been taken and given back meanwhile.
-- KEYS: leases   ARGV: length ms, then the value of each lease
-- Answer: for each lease 1 renewed, 0 lost.
local answer = {}
for at = 1, #KEYS do
  if redis.call('GET', KEYS[at]) == ARGV[at + 1] then
    redis.call('PEXPIRE', KEYS[at], ARGV[1])
    answer[at] = 1
  else
    answer[at] = 0
  end
end
return answer
