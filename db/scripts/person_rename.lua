#!lua flags=allow-oom
-- Changes the name in the copy of a person, if there is one: a copy of one field would hide all the others.
-- KEYS: the person's hash. ARGV: the new user_name. Answer: 1 changed | 0 there is no copy.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], 'user_name', ARGV[1])
return 1
