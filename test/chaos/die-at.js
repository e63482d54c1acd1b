// Loaded before the engine's worker by `node --import`: the worker itself is the built one and carries nothing of this.
// Ends (SIGKILL) or stops (SIGSTOP) its process at one durable write, which RUNBOOK_CHAOS_POINT describes (see point.ts).
import { writeSync } from 'node:fs'
import { Redis } from 'ioredis'
import pg from 'pg'

/** @type {{ name: string, sees: string[], around: 'statement' | 'commit' | 'script', when: 'before' | 'after', signal: NodeJS.Signals } | undefined} */
let point = process.env.RUNBOOK_CHAOS_POINT && JSON.parse(process.env.RUNBOOK_CHAOS_POINT)

const send = pg.Client.prototype.query
/** What a connection has sent since its last BEGIN. */
const sent = new WeakMap()

pg.Client.prototype.query = function query(config, values, callback) {
  const isHere = point !== undefined && isPoint(this, textOf(config), config?.values ?? values)
  if (!isHere) return send.call(this, config, values, callback)
  if (point.when === 'before') strike()
  const [last] = [callback, values].filter((one) => typeof one === 'function')
  if (last) {
    const struck = (...answer) => {
      strike()
      last(...answer)
    }
    return callback ? send.call(this, config, values, struck) : send.call(this, config, struck)
  }
  return send.call(this, config, values).then((answer) => {
    strike()
    return answer
  })
}

const command = Redis.prototype.sendCommand

/** A script of ours, before it is sent. */
Redis.prototype.sendCommand = function sendCommand(given, ...more) {
  if (point?.around === 'script' && point.sees.every((part) => [given.name, ...given.args].join(' ').includes(part)))
    strike()
  return command.call(this, given, ...more)
}

function isPoint(connection, text, values) {
  if (text.startsWith('BEGIN')) sent.set(connection, [])
  const whole = `${text} ${Array.isArray(values) ? values.join(' ') : ''}`
  const seen = point.sees.every((part) => whole.includes(part))
  if (point.around === 'statement') return seen
  if (point.around === 'script') return false
  if (text === 'COMMIT') return sent.get(connection)?.includes(true) === true
  sent.get(connection)?.push(seen)
  return false
}

function textOf(config) {
  return typeof config === 'string' ? config : String(config?.text ?? '')
}

/** Once. After SIGSTOP and SIGCONT the process goes on from exactly here. */
function strike() {
  if (point === undefined) return
  const { name, signal } = point
  point = undefined
  writeSync(2, `chaos: ${signal} ${name}\n`)
  process.kill(process.pid, signal)
}
