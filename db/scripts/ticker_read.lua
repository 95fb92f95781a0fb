#!lua flags=no-writes
-- Read what is known of tickers.
-- KEYS: their hashes   ARGV: the database of each
-- Answer: for each {field, value, ...}
local answer = {}
for at = 1, #KEYS do
  redis.call('SELECT', ARGV[at])
  answer[at] = redis.call('HGETALL', KEYS[at])
end
return answer
