import { findExecutable } from './find-executable.ts'
import { lastLine, runCommand } from './run-command.ts'

let installing = Promise.resolve<unknown>(null)

/**
 * Installs a Debian package, but only as root or in CI (with a sudo that asks for no password), where that is expected.
 * @returns null when it is installed, else the reason why not
 */
export async function installDebianPackage(name: string, log: (line: string) => void): Promise<string | null> {
  // One at a time: apt-get fails while another one holds its lock, and the stack prepares its servers at the same time.
  const installed = installing.then(() => install(name, log))
  installing = installed.catch(() => {})
  return installed
}

async function install(name: string, log: (line: string) => void): Promise<string | null> {
  const root = process.getuid?.() === 0
  if (!root && process.env['CI'] === undefined) return 'not tried, since this is neither root nor CI'
  if ((await findExecutable(['apt-get'])) === null) return 'no apt-get on PATH'
  const prefix = root ? [] : ['sudo', '-n']
  // RUNLEVEL=1 keeps the package from starting a service. policy-rc.d would do that too, but it is one file for the whole machine.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const apt = (...args: string[]) => {
    const [command = 'apt-get', ...rest] = [...prefix, 'apt-get', ...args]
    return runCommand(command, rest, {
      env,
      timeoutMs: 300_000,
      stillRunning: (s) => log(`apt-get ${args[0]} … ${s} s`),
    })
  }
  log(`installing the package ${name} with apt-get …`)
  // In an image without package lists, apt-get install needs this update. If the update fails (an offline mirror), the install may still work.
  await apt('update', '-q')
  const result = await apt('install', '-y', '-q', '--no-install-recommends', name)
  return result.code === 0 ? null : `apt-get install ${name} failed: ${lastLine(result)}`
}
