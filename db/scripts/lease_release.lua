#!lua flags=allow-oom
-- Give leases back, and tell the other hosts.
-- KEYS: leases   ARGV: channel, then the value of each lease
-- Answer: how many were ours.
local count = 0
for at = 1, #KEYS do
  if redis.call('GET', KEYS[at]) == ARGV[at + 1] then
    redis.call('DEL', KEYS[at])
    count = count + 1
  end
end
if count > 0 then
  redis.call('PUBLISH', ARGV[1], '')
end
return count
