import { join } from 'node:path'
import { cacheDir } from './cache-dir.ts'
import { findExecutable } from './find-executable.ts'
import { waitForLock } from './lock-file.ts'
import { lastLine, runCommand } from './run-command.ts'

/**
 * Installs a Debian package, but only as root or in CI (with a sudo that asks for no password), where that is expected.
 * @returns null when it is installed, else the reason why not
 */
export async function installDebianPackage(name: string, log: (line: string) => void): Promise<string | null> {
  const root = process.getuid?.() === 0
  if (!root && process.env['CI'] === undefined) return 'not tried, since this is neither root nor CI'
  if ((await findExecutable(['apt-get'])) === null) return 'no apt-get on PATH'
  // apt-get fails while another apt-get runs. Several servers of one stack may need a package, and so may two stacks.
  const lock = await waitForLock(join(cacheDir(), 'apt-get.lock'), (holder) =>
    log(`the package ${name}: waiting for process ${holder.pid}, which is installing another package`),
  )
  try {
    return await install(name, root ? [] : ['sudo', '-n'], log)
  } finally {
    await lock.release()
  }
}

async function install(name: string, prefix: string[], log: (line: string) => void): Promise<string | null> {
  // RUNLEVEL=1 prevents the package from starting a service. policy-rc.d would prevent it too, but that file affects the whole machine.
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
