import { join } from 'node:path'
import { root, run } from './run.js'

/** Checks format, lint and spelling of the staged files only, which takes a few seconds. `npm run check` checks everything. */
const bin = (path, ...args) => run(process.execPath, [join(root, 'node_modules', path), ...args])
const staged = await run('git', ['diff', '--cached', '--name-only', '--diff-filter=d', '-z'])
const files = staged.output.split('\0').filter(Boolean)
const code = files.filter((file) => /\.(ts|js)$/.test(file))

const results = await Promise.all([
  files.length > 0 && bin('prettier/bin/prettier.cjs', '--check', '--ignore-unknown', '--log-level', 'warn', ...files),
  code.length > 0 && bin('oxlint/bin/oxlint', '--deny-warnings', ...code),
  files.length > 0 && bin('cspell/bin.mjs', 'lint', '--no-progress', '--no-summary', '--no-must-find-files', ...files),
])
const failed = results.filter((result) => result && result.code !== 0)
for (const { output } of failed) console.error(`${output}\n`)
if (failed.length > 0) {
  console.error('Not committed. "npm run format" repairs the format; docs/words/accepted.txt lists accepted words.')
  process.exitCode = 1
}
