#!lua flags=allow-oom
-- Close one inbox entry with all its effects, exactly once: to the journal, or to the dead letters.
-- KEYS: lease, state, inbox, reply mark, journal, dead; rate (in the bot's own database)
-- ARGV: lease value, entry, attempt (0: never handed out), bot's database, slots used (-1: all taken),
--       us that each used slot is held from now, by number, the last for all others,
--       "close" | "close unless marked" | "bury", then
--       to close: rows of the journal (JSON, may be ""), the journal's wake-up channel
--       to bury: bot, reason, traceback
-- Answer: "ok" | "gone" settled before | "marked" something may have been sent, not closed | "lost" the lease is not ours
-- Only what is still in the inbox has effects, so this is repeated until it is answered.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 'lost'
end
local entry, kind = ARGV[2], ARGV[7]
if kind == 'close unless marked' and redis.call('EXISTS', KEYS[4]) == 1 then
  return 'marked'
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local found = kind == 'bury' and redis.call('XRANGE', KEYS[3], entry, entry) or {}
redis.call('HDEL', KEYS[2], entry)
local settled = redis.call('XDEL', KEYS[3], entry) == 1
if settled then
  redis.call('DEL', KEYS[4])
  if kind == 'bury' then
    local letter = {'bot', ARGV[8], 'entry', entry, 'attempts', ARGV[3], 'reason', ARGV[9], 'trace', ARGV[10],
      'at_ms', string.format('%.0f', math.floor(now / 1000))}
    for _, word in ipairs(found[1][2]) do
      letter[#letter + 1] = word
    end
    redis.call('XADD', KEYS[6], '*', unpack(letter))
  elseif ARGV[8] ~= '' then
    redis.call('XADD', KEYS[5], '*', 'ops', ARGV[8])
    redis.call('PUBLISH', ARGV[9], '')
  end
end

-- Used slots stay for one window after VK had the request; unused ones are given back.
if ARGV[3] ~= '0' then
  redis.call('SELECT', ARGV[4])
  local mine, used, holds = entry .. ':' .. ARGV[3] .. ':', tonumber(ARGV[5]), {}
  for us in string.gmatch(ARGV[6], '%d+') do
    holds[#holds + 1] = tonumber(us)
  end
  for _, slot in ipairs(redis.call('ZRANGE', KEYS[7], 0, -1)) do
    if string.sub(slot, 1, #mine) == mine then
      local number = tonumber(string.sub(slot, #mine + 1))
      local ends = now + (holds[number + 1] or holds[#holds])
      if used >= 0 and number >= used then
        redis.call('ZREM', KEYS[7], slot)
      elseif tonumber(redis.call('ZSCORE', KEYS[7], slot)) > ends then
        redis.call('ZADD', KEYS[7], ends, slot)
      end
    end
  end
end
return settled and 'ok' or 'gone'
