-- Read a bot's settings from its own database over the platform's connection.
-- KEYS: config   ARGV: database
-- Answer: HGETALL of the settings, as a flat list.
redis.call('SELECT', ARGV[1])
return redis.call('HGETALL', KEYS[1])
