#!lua flags=allow-oom
-- Drop the leases of our dead predecessor: those that begin with our host id.
-- KEYS: leases   ARGV: what their values begin with
-- Answer: how many there were.
local count = 0
for at = 1, #KEYS do
  local owner = redis.call('GET', KEYS[at])
  if owner and string.sub(owner, 1, #ARGV[1]) == ARGV[1] then
    redis.call('DEL', KEYS[at])
    count = count + 1
  end
end
return count
