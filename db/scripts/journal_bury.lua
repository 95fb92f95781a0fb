#!lua flags=allow-oom
-- Set one journal row aside among the dead letters, once: a repeat after a kill buries it no second time.
-- KEYS: buried, dead   ARGV: entry, row, then the letter's fields and values
-- Answer: 1 buried now, 0 buried before.
-- Rows come in order, and the entry in hand is the only one that can be repeated: one mark is enough.
local entry, row = string.match(redis.call('GET', KEYS[1]) or '', '^(.+):(%d+)$')
if entry == ARGV[1] and tonumber(row) >= tonumber(ARGV[2]) then
  return 0
end
local time = redis.call('TIME')
local at_ms = time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2])
redis.call('XADD', KEYS[2], '*', 'at_ms', at_ms, unpack(ARGV, 3))
return 1
