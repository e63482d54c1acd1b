import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const { scripts } = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')) as {
  scripts: Record<string, string>
}

test.each(['start', 'demo', 'test', 'bench'])(
  '"npm run %s" replaces its shell by the program, so that signals from npm reach it',
  (name) => {
    expect(scripts[name]).toMatch(/^exec node /)
  },
)

test('SIGTERM to "npm start" reaches the program', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'npm-start-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const start = scripts.start!.replace(/node .*/, 'node program.js')
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ scripts: { start } }))
  writeFileSync(
    join(dir, 'program.js'),
    `process.on('SIGTERM', () => { console.log('received'); process.exit(0) }); setInterval(() => {}, 1000); console.log('runs')`,
  )
  const npm = spawn('npm', ['start'], { cwd: dir, stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  npm.stdout.on('data', (chunk) => (output += String(chunk)))
  while (!output.includes('runs')) await once(npm.stdout, 'data')
  const closed = once(npm, 'close')
  npm.kill('SIGTERM')
  await closed
  expect(output).toContain('received')
})
