-- Put a buried journal row back into its base's journal, exactly once.
-- KEYS: dead, bases, the base's journal   ARGV: letter, base, rows of the new entry (JSON), wake-up channel
-- Answer: the new entry | 0 there is no such letter | -1 the base is gone
if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then
  return 0
end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 0 then
  return -1
end
local entry = redis.call('XADD', KEYS[3], '*', 'ops', ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[4], '')
return entry
