import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

test('an installed package, which has migrations in src but no scripts, runs the compiled code', async () => {
  const root = mkdtempSync(join(tmpdir(), 'installed-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  cpSync(fileURLToPath(new URL('../../../bin', import.meta.url)), join(root, 'bin'), { recursive: true })
  mkdirSync(join(root, 'src/history/migrations'), { recursive: true })
  mkdirSync(join(root, 'dist/src/cli'), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(root, 'dist/src/cli/main.js'),
    'export async function main(argv) { console.log("ran", ...argv); return 0 }',
  )
  const { RUNBOOK_BUILT: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'bin/runbook.js'), 'list'], { env })
  expect(stdout).toBe('ran list\n')
})
