-- Resumes a paused queue as BullMQ 6 does.
--   KEYS[3] meta   [4] wait   [5] prioritized   [6] delayed   [7] marker   [8] events   [9] paused (a list of BullMQ before 6)
--   KEYS[10] the mark of a queue that Bull paused
if redis.call('HEXISTS', KEYS[3], 'paused') == 0 then
  return record('refused', 'the queue is no longer paused: nothing was changed', { paused = false })
end
if redis.call('EXISTS', KEYS[9]) == 1 then
  return record('refused', 'the "paused" list holds jobs of a BullMQ before 6: resume the queue with that BullMQ itself', { paused = true })
end

redis.call('HDEL', KEYS[3], 'paused')
local waiting = redis.call('LLEN', KEYS[4]) + redis.call('ZCARD', KEYS[5])
if waiting > 0 then
  redis.call('ZADD', KEYS[7], 0, '0')
else
  local first = redis.call('ZRANGE', KEYS[6], 0, 0, 'WITHSCORES')
  if first[2] then redis.call('ZADD', KEYS[7], tonumber(first[2]) / 0x1000, '1') end
end
announce(KEYS[3], KEYS[8], 'resumed')
return record('applied', 'the queue was resumed; ' .. waiting .. ' jobs are waiting', { paused = false, waiting = waiting })
