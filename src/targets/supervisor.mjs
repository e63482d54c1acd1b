// This program runs in a separate process for each command. It holds the command's deadline and ends the command's
// whole process group, even when the worker that asked for it was killed. Plain JavaScript, because Node.js starts it
// directly. The other end is supervised-command.ts.
import { spawn } from 'node:child_process'

/** The time between SIGTERM and SIGKILL, in milliseconds. */
const GRACE_MS = 2_000

process.once('message', ({ argv: [program, ...args], cwd, environment, startBy, timeoutMs }) => {
  if (Date.now() > startBy.timeOfDay || Number(process.hrtime.bigint() / 1_000_000n) > startBy.steady)
    return report({ failed: 'the deadline of the command had passed before it could be started' }, disconnect)
  let child
  try {
    // The command gets its own process group, so that ending the group does not end this process.
    child = spawn(program, args, { cwd, env: environment, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  } catch (error) {
    return report({ failed: error.message }, disconnect)
  }
  if (child.pid === undefined) return void child.once('error', (error) => report({ failed: error.message }, disconnect))
  report({ started: child.pid })
  let ending
  let timedOut = false
  const end = () => {
    ending ??= new Promise((resolve) => {
      signalGroup(child.pid, 'SIGTERM')
      setTimeout(() => resolve(signalGroup(child.pid, 'SIGKILL')), GRACE_MS)
    })
  }
  const timer = setTimeout(() => {
    timedOut = true
    end()
  }, timeoutMs)
  process.on('message', end)
  child.once('exit', (exitCode, signal) => {
    clearTimeout(timer)
    // Some processes of the group may ignore SIGTERM, so this process ends only after it has sent SIGKILL.
    report({ ended: { exitCode, signal, timedOut } }, () => void Promise.resolve(ending).then(disconnect))
  })
})

/** Sends a message to the worker. If the worker has ended, the message is dropped. */
function report(message, then = () => {}) {
  if (process.connected) process.send(message, then)
}

/** Without the channel and without timers, this process ends. */
function disconnect() {
  if (process.connected) process.disconnect()
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal)
  } catch {
    // The group has ended already.
  }
}
