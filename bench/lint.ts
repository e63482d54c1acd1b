import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { packageRoot } from '../src/cli/installation/package-root.ts'
import { loadRunbooks } from '../src/language/load.ts'
import { median } from './measure.ts'

const FILES = 1_000
const ROUNDS = 5
const STARTS = 15
/** The goals: how many times as long as parsing linting may take, and how long `runbook lint` may take on one file. */
const MAX_RATIO = 3
const MAX_COLD_START_MS = 400

/**
 * `npm run bench:lint`: compares linting 1,000 runbooks of 100 lines with parsing them with `yaml` only, in turns, and measures
 * `runbook lint` on one file as a separate process. Prints the results on stdout. Returns 1 if a goal is missed.
 */
export async function main(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-lint-'))
  try {
    writeRunbooks(folder)
    const rounds = Array.from({ length: ROUNDS }, () => ({
      yaml: timed(() => parseAll(folder)),
      lint: timed(() => lintAll(folder)),
    }))
    const [yaml, lint] = [median(rounds.map((round) => round.yaml)), median(rounds.map((round) => round.lint))]
    const ratio = median(rounds.map((round) => round.lint / round.yaml))
    const cold = Array.from({ length: STARTS }, () => timed(() => lintInNewProcess(join(folder, 'runbook-0.yaml'))))
    const min = Math.min(...cold)
    console.log(`yaml only, ${FILES} runbooks of 100 lines:   ${yaml.toFixed(0)} ms`)
    console.log(`lint, the same runbooks:                 ${lint.toFixed(0)} ms`)
    console.log(`lint ÷ yaml only:                        ${ratio.toFixed(2)} (goal: at most ${MAX_RATIO})`)
    console.log(
      `runbook lint, one file, new process:     ${median(cold).toFixed(0)} ms, minimum ${min.toFixed(0)} ms (goal on an idle machine: at most ${MAX_COLD_START_MS} ms)`,
    )
    console.log(
      `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}; load ${loadavg()[0]!.toFixed(1)}`,
    )
    return ratio <= MAX_RATIO && min <= MAX_COLD_START_MS ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Each runbook has its own names, so that no compiled expression can be shared. */
function writeRunbooks(folder: string): void {
  const text = readFileSync(join(packageRoot(), 'test/fixtures/runbooks/valid/stuck-runs.yaml'), 'utf8')
  for (let i = 0; i < FILES; i++) {
    const renamed = text
      .replaceAll('stuckRuns', `stuckRuns${i}`)
      .replace('runbook: stuck-runs', `runbook: stuck-runs-${i}`)
      .replace('incident: stuck-run\n', `incident: stuck-run-${i}\n`)
    writeFileSync(join(folder, `runbook-${i}.yaml`), renamed)
  }
}

function parseAll(folder: string): void {
  for (const name of readdirSync(folder)) parse(readFileSync(join(folder, name), 'utf8'))
}

function lintAll(folder: string): void {
  const { problems, files } = loadRunbooks([folder])
  if (files !== FILES || problems.length > 0)
    throw new Error(`linted ${files} of ${FILES} files; first problem: ${JSON.stringify(problems[0])}`)
}

function lintInNewProcess(file: string): void {
  execFileSync(process.execPath, [join(packageRoot(), 'bin/runbook.js'), 'lint', file], { stdio: 'ignore' })
}

function timed(run: () => void): number {
  const started = performance.now()
  run()
  return performance.now() - started
}
