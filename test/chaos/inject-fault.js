// Loaded into a worker with `node --import`, so that the built worker contains no test code.
// Kills (SIGKILL) or pauses (SIGSTOP) the process at one durable write, which RUNBOOK_CHAOS_POINT describes (see fault-points.ts).
import { writeSync } from 'node:fs'
import { Redis } from 'ioredis'
import pg from 'pg'

/** @type {{ name: string, contains: string[], at: 'statement' | 'commit' | 'script', when: 'before' | 'after', signal: NodeJS.Signals } | undefined} */
let point = process.env.RUNBOOK_CHAOS_POINT && JSON.parse(process.env.RUNBOOK_CHAOS_POINT)

const send = pg.Client.prototype.query
/** For each connection, a list with one value for each statement since its last BEGIN: whether the statement contains the texts of the fault point. */
const sent = new WeakMap()

pg.Client.prototype.query = function query(config, values, callback) {
  const isHere = point !== undefined && isPoint(this, textOf(config), config?.values ?? values)
  if (!isHere) return send.call(this, config, values, callback)
  if (point.when === 'before') injectFault()
  const done = [callback, values].find((one) => typeof one === 'function')
  if (done) {
    const withFault = (...answer) => {
      injectFault()
      done(...answer)
    }
    return callback ? send.call(this, config, values, withFault) : send.call(this, config, withFault)
  }
  return send.call(this, config, values).then((answer) => {
    injectFault()
    return answer
  })
}

const command = Redis.prototype.sendCommand

/** The fault occurs before the script is sent. */
Redis.prototype.sendCommand = function sendCommand(redisCommand, ...more) {
  if (
    point?.at === 'script' &&
    point.contains.every((part) => [redisCommand.name, ...redisCommand.args].join(' ').includes(part))
  )
    injectFault()
  return command.call(this, redisCommand, ...more)
}

function isPoint(connection, text, values) {
  if (text.startsWith('BEGIN')) sent.set(connection, [])
  const statement = `${text} ${Array.isArray(values) ? values.join(' ') : ''}`
  // A statement that is only explained writes nothing.
  const matches = !text.startsWith('EXPLAIN ') && point.contains.every((part) => statement.includes(part))
  if (point.at === 'statement') return matches
  if (point.at === 'script') return false
  if (text === 'COMMIT') return sent.get(connection)?.includes(true) === true
  sent.get(connection)?.push(matches)
  return false
}

function textOf(config) {
  return typeof config === 'string' ? config : String(config?.text ?? '')
}

/** Sends the signal to this process, only once. After SIGSTOP and SIGCONT the process continues from here. */
function injectFault() {
  if (point === undefined) return
  const { name, signal } = point
  point = undefined
  writeSync(2, `chaos: ${signal} ${name}\n`)
  process.kill(process.pid, signal)
}
