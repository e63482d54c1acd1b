import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureInstalled } from './install.js'
import { projectFiles } from './project-files.js'
import { root, run } from './run.js'
import { runVitest } from './run-vitest.js'

const bin = (path, ...args) => [process.execPath, [join(root, 'node_modules', path), ...args]]
const tool = async (command) => {
  const result = await run(...command)
  return { ...result, passed: result.code === 0 ? 1 : 0, failed: result.code === 0 ? 0 : 1 }
}

/** cspell does not notice that the words changed, so the name of its cache depends on them. */
const spelling = async () => {
  const settings = ['cspell.config.js', ...readdirSync(join(root, 'docs/words')).map((name) => `docs/words/${name}`)]
  const hash = createHash('sha256')
  for (const file of settings) hash.update(readFileSync(join(root, file)))
  const cache = `node_modules/.cache/cspell/${hash.digest('hex').slice(0, 16)}`
  const options = ['--no-progress', '--cache', '--cache-strategy', 'content', '--cache-location', cache]
  return tool(bin('cspell/bin.mjs', 'lint', ...options, ...(await projectFiles())))
}

/** Fast tools that need only Node. They run at the same time. */
const TOOLS = [
  ['format', () => tool(bin('prettier/bin/prettier.cjs', '--check', '--cache', '--log-level', 'warn', '.'))],
  ['lint', () => tool(bin('oxlint/bin/oxlint', '--deny-warnings'))],
  ['types', () => tool(bin('typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json'))],
  ['spelling', spelling],
  ['unused code', () => tool(bin('knip/bin/knip.js', '--no-progress'))],
]

/**
 * Runs format, lint, types, spelling, unused code and unit tests. Prints the time of each, and the output of those that fail.
 *
 * @returns {Promise<{ passed: number, failed: number, failures: string[] }>} the unit tests, and one for each tool
 */
export async function check() {
  await ensureInstalled()
  const total = { passed: 0, failed: 0, failures: [] }
  const tools = await Promise.all(TOOLS.map(async ([name, start]) => [name, await start()]))
  for (const [name, result] of tools) count(total, name, result)
  // The unit tests run last and alone, because some of them have a time limit.
  count(total, 'unit tests', await runVitest('unit', {}))
  return total
}

function count(total, name, { passed, failed, failures = failed > 0 ? [name] : [], seconds, output }) {
  total.passed += passed
  total.failed += failed
  total.failures.push(...failures)
  const verdict = failed === 0 ? 'ok' : 'FAILED'
  const tests = passed > 1 ? ` (${passed} passed)` : ''
  console.log(`${name.padEnd(12)} ${`${seconds.toFixed(1)} s`.padStart(7)}  ${verdict}${tests}`)
  if (failed > 0) console.log(`\n${output}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { passed, failed } = await check()
    console.log(`${passed} passed, ${failed} failed`)
    process.exitCode = failed === 0 ? 0 : 1
  } catch (error) {
    console.error(error.message)
    process.exitCode = error?.exitCode ?? 1
  }
}
