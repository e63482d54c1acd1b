import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { findExecutable } from './find-executable.ts'
import { lastLine, runCommand, type CommandResult } from './run-command.ts'
import { installDebianPackage } from './system-packages.ts'

type Log = (line: string) => void

export interface PythonOptions {
  /** An empty folder for a virtual environment, when one is needed. */
  work: string
  /** Whether Debian's package python3-venv may be installed when Python or its venv module is missing. */
  mayInstall: boolean
  log: Log
}

/** Returns a Python that has pip: the Python on PATH, or a virtual environment made with it. */
export async function pythonWithPip(options: PythonOptions): Promise<{ path: string } | { failed: string }> {
  const python = await findPython(options)
  if (python === null) return { failed: 'no python3 on PATH' }
  const pip = await runCommand(python, ['-m', 'pip', '--version'], { cwd: options.work, timeoutMs: 60_000 })
  if (pip.code === 0) return { path: python }
  const environment = await virtualEnvironment(python, options)
  return 'failed' in environment ? { failed: `${python} has no pip, and ${environment.failed}` } : environment
}

/** Returns the Python of a new virtual environment in `options.work`. */
export async function newVirtualEnvironment(options: PythonOptions): Promise<{ path: string } | { failed: string }> {
  const python = await findPython(options)
  return python === null ? { failed: 'no python3 on PATH' } : virtualEnvironment(python, options)
}

/**
 * The environment for pip. pip asks no questions and gives up soon, because there are other ways to get a program. Settings of the user
 * have precedence, for example a longer timeout for a slow mirror.
 */
export function pipEnvironment(): NodeJS.ProcessEnv {
  return {
    PIP_RETRIES: '1',
    PIP_DEFAULT_TIMEOUT: '10',
    ...process.env,
    PIP_NO_INPUT: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    // Nothing is installed into the Python on PATH.
    PIP_REQUIRE_VIRTUALENV: 'false',
  }
}

/** Why pip failed, in one line. Its last line says "no matching distribution" even when no connection could be made. */
export function pipFailure(result: CommandResult): string {
  const noConnection =
    /Failed to establish a new connection: [^'\n]+|[^'"\n]*timed out[^'"\n]*|CERTIFICATE_VERIFY_FAILED[^'"\n]*/.exec(
      result.output,
    )
  return noConnection === null ? lastLine(result) : `the package index cannot be reached: ${noConnection[0].trim()}`
}

async function findPython({ mayInstall, log }: PythonOptions): Promise<string | null> {
  const names = ['python3', 'python']
  const found = await findExecutable(names)
  if (found !== null || !mayInstall) return found
  await installDebianPackage('python3-venv', log)
  return findExecutable(names)
}

async function virtualEnvironment(
  python: string,
  { work, mayInstall, log }: PythonOptions,
): Promise<{ path: string } | { failed: string }> {
  const dir = join(work, 'venv')
  const create = () => runCommand(python, ['-m', 'venv', dir], { cwd: work, timeoutMs: 120_000 })
  const path = join(dir, 'bin/python')
  const first = await create()
  if (first.code === 0) return { path }
  const failed = `python3 -m venv failed: ${lastLine(first)}`
  if (!mayInstall) return { failed }
  // Debian has the files that venv needs in a separate package.
  const notInstalled = await installDebianPackage('python3-venv', log)
  if (notInstalled !== null) return { failed: `${failed}; package python3-venv: ${notInstalled}` }
  await rm(dir, { recursive: true, force: true })
  const second = await create()
  return second.code === 0 ? { path } : { failed: `python3 -m venv failed: ${lastLine(second)}` }
}
