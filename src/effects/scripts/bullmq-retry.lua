-- Returns one failed job to its queue. Its data, options, priority and counters are kept.
--   KEYS[3] job   [4] its lock   [5] failed   [6] active   [7] wait   [8] prioritized   [9] meta   [10] marker   [11] events
--   KEYS[12] priority counter   [13] dead-letter set   [14] the copy kept there   [15] paused (a list of BullMQ before 6)
--   KEYS[16] the child jobs that have not finished   [17] the child jobs that failed   [18] the mark of a queue that Bull paused
--   ARGV[5] job id
local id = ARGV[5]
if redis.call('TYPE', KEYS[3]).ok ~= 'hash' then
  return record('refused', 'the job no longer exists: nothing was changed', { state = 'absent' })
end
if redis.call('HEXISTS', KEYS[3], 'parentKey') == 1 then
  return record('refused', 'the job belongs to a flow: retry it with BullMQ itself', { state = 'failed' })
end
local readable, options = pcall(cjson.decode, redis.call('HGET', KEYS[3], 'opts') or '{}')
if not readable or type(options) ~= 'table' then options = {} end
if type(options.group) == 'table' then
  return record('refused', 'the job belongs to a group of BullMQ Pro: retry it with BullMQ Pro', { state = 'failed' })
end
if redis.call('EXISTS', KEYS[16]) == 1 then
  return record('refused', 'child jobs have not finished, so BullMQ would not let the job complete: nothing was changed', { state = 'failed' })
end
if redis.call('EXISTS', KEYS[17]) == 1 then
  return record('refused', 'a child job failed, so BullMQ would not let the job complete: nothing was changed. Retry the child with BullMQ itself', { state = 'failed' })
end
if redis.call('EXISTS', KEYS[4]) == 1 then
  return record('refused', 'a worker holds the job: nothing was changed', { state = 'active' })
end
if not redis.call('ZSCORE', KEYS[5], id) then
  return record('refused', 'the job is no longer in the failed jobs: nothing was changed', { state = 'other' })
end

-- BullMQ before 6 keeps the jobs of a paused queue in the list `paused`, and renames that list to `wait` when the queue is resumed. A job
-- in `wait` would then be lost.
local queue = redis.call('HMGET', KEYS[9], 'paused', 'version')
local major = tonumber(string.match(queue[2] or '', '^bullmq:(%d+)%.'))
if queue[1] and (redis.call('EXISTS', KEYS[15]) == 1 or not major or major < 6) then
  return record('refused', 'the queue is paused by a BullMQ before 6, whose resume would lose the job: resume the queue first', { state = 'failed' })
end

local priority = tonumber(redis.call('HGET', KEYS[3], 'priority')) or 0
-- BullMQ before 4 does not read the set of prioritized jobs, and does not write its version.
if priority > 0 and not major and redis.call('EXISTS', KEYS[8]) == 0 then
  return record('refused', 'the job has a priority and the version of BullMQ is unknown: retry it with BullMQ itself', { state = 'failed' })
end

redis.call('ZREM', KEYS[5], id)
redis.call('HDEL', KEYS[3], 'finishedOn', 'processedOn', 'failedReason', 'defa')
local state = 'waiting'
if priority > 0 then
  -- BullMQ orders prioritized jobs by priority, then by a counter.
  local count = redis.call('INCR', KEYS[12])
  redis.call('ZADD', KEYS[8], priority * 0x100000000 + count % 0x100000000, id)
  state = 'prioritized'
else
  redis.call(options.lifo == true and 'RPUSH' or 'LPUSH', KEYS[7], id)
end
wake(KEYS[9], KEYS[6], KEYS[10])
redis.call('ZREM', KEYS[13], id)
redis.call('DEL', KEYS[14])
announce(KEYS[9], KEYS[11], 'waiting', 'jobId', id, 'prev', 'failed')
return record('applied', 'the job is ' .. state .. ' again', { state = state })
