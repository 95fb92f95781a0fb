#!lua flags=allow-oom
-- Note that a host lives and how many lanes it has, and tell of all hosts.
-- KEYS: hosts   ARGV: host, ms until it counts as gone, its lanes, ms after which a gone host is forgotten
-- Answer: {host, ms since it was gone (below 0: it lives), its lanes, host, ...}
-- Who lives longer than any could (60 s is the longest) was noted before the clock was set back.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f:%s', now + tonumber(ARGV[2]), ARGV[3]))
local answer, all = {}, redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local ends, lanes = string.match(all[at + 1], '^(%d+):(%d+)$')
  local gone = ends and now - tonumber(ends)
  if not gone or gone > tonumber(ARGV[4]) or gone < -120000 then
    redis.call('HDEL', KEYS[1], all[at])
  else
    answer[#answer + 1] = all[at]
    answer[#answer + 1] = gone
    answer[#answer + 1] = tonumber(lanes)
  end
end
return answer
