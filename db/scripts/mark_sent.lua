#!lua flags=allow-oom
-- Note that one part of a reply was sent.
-- KEYS: lease, reply mark
-- ARGV: lease value, number of the part, the message's id (may be "")
-- Answer: 1 noted | 0 there is no mark | -1 the lease is not ours
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  return 0
end
redis.call('HSET', KEYS[2], 'sent:' .. ARGV[2], ARGV[3])
return 1
