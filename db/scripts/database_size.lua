-- Count the keys of another database over the platform's connection.
-- KEYS: none   ARGV: database
-- Answer: the number of keys.
redis.call('SELECT', ARGV[1])
return redis.call('DBSIZE')
