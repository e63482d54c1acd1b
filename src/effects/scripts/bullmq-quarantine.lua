-- Removes one job from work and keeps it: in the failed jobs, in the dead-letter set, and as a copy that `removeOnFail` does not delete.
-- A job that a worker holds is marked instead: BullMQ fails it for good, without processing it, if it is picked up again.
--   KEYS[3] job   [4] its lock   [5] wait   [6] prioritized   [7] delayed   [8] active   [9] failed   [10] completed
--   KEYS[11] dead-letter set   [12] the copy kept there   [13] stalled   [14] meta   [15] marker   [16] events   [17] deduplication key
--   KEYS[18] paused (a list of BullMQ before 6)   [19] the next run of each job scheduler   [20] priorities (of BullMQ 3)   [21] the mark of a queue that Bull paused
--   ARGV[5] job id   ARGV[6] reason   ARGV[7] the deduplication id that KEYS[17] contains, '' for none
local id, reason = ARGV[5], ARGV[6]
if redis.call('TYPE', KEYS[3]).ok ~= 'hash' then
  return record('refused', 'the job no longer exists: nothing was changed', { state = 'absent', from = 'absent' })
end
if redis.call('HEXISTS', KEYS[3], 'parentKey') == 1 then
  return record('refused', 'the job belongs to a flow, whose parent would wait forever: nothing was changed', { state = 'other', from = 'other' })
end
if redis.call('ZSCORE', KEYS[9], id) then
  return record('refused', 'the job has already failed: nothing was changed', { state = 'failed', from = 'failed' })
end
if redis.call('ZSCORE', KEYS[10], id) then
  return record('refused', 'the job was completed: nothing was changed', { state = 'completed', from = 'completed' })
end
local readable, options = pcall(cjson.decode, redis.call('HGET', KEYS[3], 'opts') or '{}')
if readable and type(options) == 'table' and type(options.group) == 'table' then
  return record('refused', 'the job belongs to a group of BullMQ Pro: remove it with BullMQ Pro', { state = 'other', from = 'other' })
end
if redis.call('EXISTS', KEYS[4]) == 1 then
  local major, minor, patch = string.match(redis.call('HGET', KEYS[14], 'version') or '', '^bullmq:(%d+)%.(%d+)%.(%d+)')
  if not major or (major - 5) * 1000000 + minor * 1000 + patch < 49002 then
    return record('refused', 'a worker holds the job, and only BullMQ 5.49.2 and later fail a job that is marked: stop the worker of the job first', { state = 'active', from = 'active' })
  end
  -- BullMQ may delete the job when it fails. The job is not added to the dead-letter set, because its worker may still complete it.
  redis.call('COPY', KEYS[3], KEYS[12], 'REPLACE')
  redis.call('HSET', KEYS[3], 'defa', reason)
  return record('applied', 'a worker holds the job: it fails for good if a worker picks it up again', { state = 'marked', from = 'active' })
end

-- BullMQ adds the next run of a scheduler when the previous run starts, so a schedule without its next run ends. The scheduler's set holds
-- the time of the next run, which is also the end of the id of that run's job. Before BullMQ 5, jobs do not name their scheduler.
local scheduler = redis.call('HGET', KEYS[3], 'rjk')
if scheduler or string.sub(id, 1, 7) == 'repeat:' then
  local starts = redis.call('HMGET', KEYS[3], 'ats', 'processedOn', 'attemptsMade')
  local started = starts[2] or (tonumber(starts[1] or starts[3]) or 0) > 0
  local next_at = scheduler and redis.call('ZSCORE', KEYS[19], scheduler)
  local is_next = next_at and string.sub(id, -#next_at - 1) == ':' .. next_at
  if is_next or (not started and (next_at or not scheduler)) then
    return record('refused', 'the job is the next run of a job scheduler, whose schedule would end: remove the scheduler in the application', { state = 'other', from = 'other' })
  end
end

-- A job that waits or is active is in exactly one of these lists. A job that is in none is refused; nothing was changed until here.
local from
if redis.call('LREM', KEYS[8], 1, id) == 1 then from = 'active'
elseif redis.call('LREM', KEYS[5], 1, id) == 1 or redis.call('LREM', KEYS[18], 1, id) == 1 then from = 'waiting'
elseif redis.call('ZREM', KEYS[6], id) == 1 then from = 'prioritized'
elseif redis.call('ZREM', KEYS[7], id) == 1 then from = 'delayed'
else
  return record('refused', 'the job is in none of the lists that workers take jobs from: nothing was changed', { state = 'other', from = 'other' })
end

redis.call('SREM', KEYS[13], id)
redis.call('ZREM', KEYS[20], id)
redis.call('HSET', KEYS[3], 'failedReason', reason, 'finishedOn', now)
redis.call('ZADD', KEYS[9], now, id)
redis.call('ZADD', KEYS[11], now, id)
redis.call('COPY', KEYS[3], KEYS[12], 'REPLACE')

-- As in BullMQ, when a job fails, its deduplication key is deleted unless the key has a time to live.
if ARGV[7] ~= '' and redis.call('HGET', KEYS[3], 'deid') == ARGV[7] and redis.call('GET', KEYS[17]) == id
  and redis.call('PTTL', KEYS[17]) == -1 then
  redis.call('DEL', KEYS[17])
end
announce(KEYS[14], KEYS[16], 'failed', 'jobId', id, 'failedReason', reason, 'prev', from)
-- If the job was active, its slot is free now, so a waiting worker is woken.
if redis.call('LLEN', KEYS[5]) + redis.call('ZCARD', KEYS[6]) > 0 then wake(KEYS[14], KEYS[8], KEYS[15]) end
return record('applied', 'the job was removed from ' .. from .. ' and is kept in the dead-letter set', { state = 'failed', from = from })
