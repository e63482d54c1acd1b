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
/** What should be reached. */
const MOST_RATIO = 3
const MOST_COLD_MS = 400

/**
 * `npm run bench:lint`: how long linting 1,000 runbooks of 100 lines takes beside parsing them with `yaml` alone, in turns, and how long
 * `runbook lint` on one file takes as a process of its own. Figures on stdout. Returns 1 where a bound is not kept.
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
    const cold = Array.from({ length: STARTS }, () => timed(() => lintInItsOwnProcess(join(folder, 'runbook-0.yaml'))))
    const least = Math.min(...cold)
    console.log(`yaml alone, ${FILES} runbooks of 100 lines:  ${yaml.toFixed(0)} ms`)
    console.log(`lint, the same:                          ${lint.toFixed(0)} ms`)
    console.log(`lint ÷ yaml alone:                       ${ratio.toFixed(2)} (at most ${MOST_RATIO})`)
    console.log(
      `runbook lint, one file, from the start:  ${median(cold).toFixed(0)} ms, least ${least.toFixed(0)} ms (idle: at most ${MOST_COLD_MS})`,
    )
    console.log(
      `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}; load ${loadavg()[0]!.toFixed(1)}`,
    )
    return ratio <= MOST_RATIO && least <= MOST_COLD_MS ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Each with names and numbers of its own, so that nothing is compiled once for all. */
function writeRunbooks(folder: string): void {
  const text = readFileSync(join(packageRoot(), 'test/fixtures/runbooks/valid/stuck-runs.yaml'), 'utf8')
  for (let i = 0; i < FILES; i++) {
    const own = text
      .replaceAll('stuckRuns', `stuckRuns${i}`)
      .replace('runbook: stuck-runs', `runbook: stuck-runs-${i}`)
      .replace('incident: stuck-run\n', `incident: stuck-run-${i}\n`)
    writeFileSync(join(folder, `runbook-${i}.yaml`), own)
  }
}

function parseAll(folder: string): void {
  for (const name of readdirSync(folder)) parse(readFileSync(join(folder, name), 'utf8'))
}

function lintAll(folder: string): void {
  const { problems, files } = loadRunbooks([folder])
  if (files !== FILES || problems.length > 0) throw new Error(`${files} files, ${JSON.stringify(problems[0])}`)
}

function lintInItsOwnProcess(file: string): void {
  execFileSync(process.execPath, [join(packageRoot(), 'bin/runbook.js'), 'lint', file], { stdio: 'ignore' })
}

function timed(run: () => void): number {
  const started = performance.now()
  run()
  return performance.now() - started
}
