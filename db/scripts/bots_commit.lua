-- Change bots all at once, when nobody changed them since they were read.
-- KEYS: bots:version, an inbox that must be empty (may be "")
-- ARGV: expected version, channel, message, then the commands: count of words, words …
--       (SELECT counts for the commands after it, and ends with the script)
-- Answer: the new version; "stale" when the version is another; "waiting" when the inbox is not empty.
if tonumber(redis.call('GET', KEYS[1]) or '0') ~= tonumber(ARGV[1]) then
  return 'stale'
end
if KEYS[2] ~= '' and redis.call('XLEN', KEYS[2]) > 0 then
  return 'waiting'
end
local at = 4
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, at + count))
  at = at + 1 + count
end
redis.call('SELECT', 0)
local version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return version
