-- Takes one job out of work and keeps it: among the failed jobs, in the dead-letter set, and as a copy that outlives `removeOnFail`.
-- A job that a worker holds is marked instead: BullMQ fails it for good, unprocessed, when it is next picked up.
--   KEYS[3] job   [4] its lock   [5] wait   [6] prioritized   [7] delayed   [8] active   [9] failed   [10] completed
--   KEYS[11] dead-letter set   [12] the copy kept there   [13] stalled   [14] meta   [15] marker   [16] events   [17] deduplication key
--   ARGV[5] job id   ARGV[6] reason   ARGV[7] the deduplication id that KEYS[17] was made of, '' for none
local id, reason = ARGV[5], ARGV[6]
if redis.call('TYPE', KEYS[3]).ok ~= 'hash' then
  return record('refused', 'the job is gone: nothing was changed', { state = 'absent', from = 'absent' })
end
if redis.call('HEXISTS', KEYS[3], 'parentKey') == 1 then
  return record('refused', 'the job belongs to a flow, whose parent would wait for ever', { state = 'other', from = 'other' })
end
if redis.call('ZSCORE', KEYS[9], id) then
  return record('refused', 'the job has failed already: nothing was changed', { state = 'failed', from = 'failed' })
end
if redis.call('ZSCORE', KEYS[10], id) then
  return record('refused', 'the job was completed: nothing was changed', { state = 'completed', from = 'completed' })
end
if redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('HSET', KEYS[3], 'defa', reason)
  return record('applied', 'a worker holds the job: it will fail for good when it is next picked up', { state = 'marked', from = 'active' })
end

-- Each job stands in one of these. Nothing has been changed yet when it stands in none.
local from
if redis.call('LREM', KEYS[8], 1, id) == 1 then from = 'active'
elseif redis.call('LREM', KEYS[5], 1, id) == 1 then from = 'waiting'
elseif redis.call('ZREM', KEYS[6], id) == 1 then from = 'prioritized'
elseif redis.call('ZREM', KEYS[7], id) == 1 then from = 'delayed'
else
  return record('refused', 'the job stands in no list that work is taken from: nothing was changed', { state = 'other', from = 'other' })
end

redis.call('SREM', KEYS[13], id)
redis.call('HSET', KEYS[3], 'failedReason', reason, 'finishedOn', now)
redis.call('ZADD', KEYS[9], now, id)
redis.call('ZADD', KEYS[11], now, id)
redis.call('COPY', KEYS[3], KEYS[12], 'REPLACE')

-- As BullMQ does when a job fails: a deduplication without a time to live ends with its job.
if ARGV[7] ~= '' and redis.call('HGET', KEYS[3], 'deid') == ARGV[7] and redis.call('GET', KEYS[17]) == id
  and redis.call('PTTL', KEYS[17]) == -1 then
  redis.call('DEL', KEYS[17])
end
announce(KEYS[14], KEYS[16], 'failed', 'jobId', id, 'failedReason', reason, 'prev', from)
-- A slot may have become free.
if redis.call('LLEN', KEYS[5]) + redis.call('ZCARD', KEYS[6]) > 0 then wake(KEYS[14], KEYS[8], KEYS[15]) end
return record('applied', 'the job was taken out of ' .. from .. ' and is kept in the dead-letter set', { state = 'failed', from = from })
