#!lua flags=allow-oom
-- Write down why a lane rests, or that it does not any more.
-- KEYS: lease, pauses
-- ARGV: lease value, then each pause's kind and its JSON ("": it is over)
-- Answer: "ok" | "lost" the lease is not ours
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 'lost'
end
for at = 2, #ARGV, 2 do
  if ARGV[at + 1] == '' then
    redis.call('HDEL', KEYS[2], ARGV[at])
  else
    redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  end
end
return 'ok'
