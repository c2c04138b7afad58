"""Changes of a namespace's state in one step, as Lua. Values are compared as text: Lua's numbers have 53 bits.

Each returns 1 where it was done, and 0 where what it builds on is not so any more. What is refused for want of memory
is refused at the first write, so that nothing is half done.
"""

COMMIT = """
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'stamp') ~= ARGV[2] then
  return 0
end
redis.call('APPEND', KEYS[2], ARGV[4])
redis.call('HSET', KEYS[1], 'stamp', ARGV[3])
return 1
"""
"""KEYS: header, journal. ARGV: generation, stamp before, stamp after, record."""

SWAP = """
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then
  return 0
end
local old = redis.call('HGET', KEYS[1], 'generation')
if ARGV[2] ~= '' and (old ~= ARGV[2] or redis.call('HGET', KEYS[1], 'stamp') ~= ARGV[3]) then
  return 0
end
redis.call('SET', KEYS[4], ARGV[4])
redis.call('SET', KEYS[5], ARGV[5])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'generation', ARGV[1], unpack(ARGV, 6))
redis.call('SREM', KEYS[2], ARGV[1])
if old then
  redis.call('SADD', KEYS[3], old)
end
return 1
"""
"""KEYS: header, filling, garbage, journal, next number. ARGV: generation; the one it must follow and its stamp, or
nothing; the journal's first record; the next number; fields of the header and their values."""

DROP = """
local old = redis.call('HGET', KEYS[1], 'generation')
if old then
  redis.call('SADD', KEYS[3], old)
end
redis.call('DEL', KEYS[1])
for _, member in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  redis.call('SMOVE', KEYS[2], KEYS[3], member)
end
return 1
"""
"""KEYS: header, filling, garbage."""

BEGIN = """
for _, member in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  redis.call('SMOVE', KEYS[1], KEYS[2], member)
end
redis.call('SADD', KEYS[1], ARGV[1])
return 1
"""
"""KEYS: filling, garbage. ARGV: the generation that is begun."""

DISCARD = """
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then
  redis.call('SREM', KEYS[2], ARGV[1])
  redis.call('SADD', KEYS[3], ARGV[1])
end
return 1
"""
"""KEYS: header, filling, garbage. ARGV: generation."""

RAISE = """
if tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '-1') < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return 1
"""
"""KEYS: a witness. ARGV: field, number, which is below 2**53."""

APPEND = """
for i, key in ipairs(KEYS) do
  redis.call('APPEND', key, ARGV[i])
end
return 1
"""
"""KEYS: buckets. ARGV: what is appended to each. It may be done in part where memory runs out."""
