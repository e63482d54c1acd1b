-- The beginning of every script. It applies an effect at most once: a record under the effect's key is returned and not applied again.
--   KEYS[1] the effect   KEYS[2] the lease's fence
--   ARGV[1] the proposal's digest   ARGV[2] our fence   ARGV[3] deadline, ms of this server's clock   ARGV[4] how long records are kept, ms
-- Returns {'done', record}, {'fence', highest} or {'late', ''}; the last two have changed nothing.
local stored = redis.call('GET', KEYS[1])
if stored then return { 'done', stored } end

local highest = redis.call('GET', KEYS[2])
if highest and tonumber(highest) > tonumber(ARGV[2]) then return { 'fence', highest } end

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
if now >= tonumber(ARGV[3]) then return { 'late', '' } end

local function record(result, detail, observed)
  local text = cjson.encode({ digest = ARGV[1], result = result, detail = detail, observed = observed })
  redis.call('SET', KEYS[1], text, 'PX', ARGV[4])
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
  return { 'done', text }
end

-- Without a right, the script would stop halfway, for example with a job in no list, so the rights are checked first. Redis before 7 cannot
-- be asked for rights.
if redis.acl_check_cmd then
  local missing
  for _, command in ipairs({
    'TIME', 'GET', 'SET', 'DEL', 'COPY', 'EXISTS', 'TYPE', 'PTTL', 'INCR', 'HGET', 'HMGET', 'HEXISTS', 'HSET', 'HDEL', 'LLEN', 'LREM',
    'LPUSH', 'RPUSH', 'SREM', 'ZADD', 'ZCARD', 'ZRANGE', 'ZREM', 'ZSCORE', 'XADD',
  }) do
    if not redis.acl_check_cmd(command, KEYS[1], KEYS[1], KEYS[1]) then missing = missing or command end
  end
  for _, key in ipairs(KEYS) do
    if not redis.acl_check_cmd('INCR', key) then missing = missing or ('the key ' .. key) end
  end
  if missing then
    return record('refused', 'the write login may not use ' .. missing .. ': nothing was changed. "runbook connection prepare" makes a login that may')
  end
end

-- A job whose id is the name of one of the queue's own keys, such as `wait`, has overwritten that key. Then a command would stop the script
-- halfway, for example after the job was removed from its list.
local queue = string.match(KEYS[1], '^(.*):runbook:effect:') .. ':'
local types = {
  wait = 'list', paused = 'list', active = 'list', prioritized = 'zset', delayed = 'zset', failed = 'zset', completed = 'zset',
  marker = 'zset', ['meta-paused'] = 'string', priority = 'zset', ['repeat'] = 'zset', ['dead-letter'] = 'zset', stalled = 'set', meta = 'hash', events = 'stream',
}
for _, key in ipairs(KEYS) do
  local expected = string.sub(key, 1, #queue) == queue and types[string.sub(key, #queue + 1)]
  local found = expected and redis.call('TYPE', key).ok
  if key == queue .. 'meta-paused' and found == 'string' then
    return record('refused', 'Bull paused the queue (key "meta-paused") and would lose a job that is added now: nothing was changed. Queues of Bull, the predecessor of BullMQ, are not supported')
  end
  if expected and found ~= 'none' and found ~= expected then
    return record('refused', key .. ' holds a ' .. found .. ', but BullMQ keeps a ' .. expected .. ' there: nothing was changed. Is its last part the id of a job?')
  end
end

-- Adds to the stream of events, which keeps as many as the queue's configuration says, or BullMQ's default.
local function announce(metaKey, eventsKey, ...)
  local kept = redis.call('HGET', metaKey, 'opts.maxLenEvents') or 10000
  redis.call('XADD', eventsKey, 'MAXLEN', '~', kept, '*', 'event', ...)
end

-- Wakes a worker by the same rule as BullMQ: a marker is added, unless the queue is paused or has reached its global concurrency.
local function wake(metaKey, activeKey, markerKey)
  local meta = redis.call('HMGET', metaKey, 'paused', 'concurrency')
  if meta[1] then return end
  if meta[2] and redis.call('LLEN', activeKey) >= tonumber(meta[2]) then return end
  redis.call('ZADD', markerKey, 0, '0')
end
