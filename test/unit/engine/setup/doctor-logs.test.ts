import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { doctorConnections } from '../../../../src/engine/setup/doctor-connections.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'logs-'))
  writeFileSync(join(folder, 'app.log'), 'x\n')
})
afterEach(() => rmSync(folder, { recursive: true }))

async function doctor(...names: string[]) {
  const files = names.map((name) => join(folder, name))
  const [finding] = await doctorConnections({ connections: { l: { kind: 'logs', files, redact: [] } } })
  return finding!
}

test('the number of log files is shown', async () => {
  expect(await doctor('*.log')).toMatchObject({ ok: true, detail: `${folder}/*.log: 1 file` })
})

test('a pattern without files, and a folder that does not exist, are warnings', async () => {
  const { warning, detail } = await doctor('*.log', '*.err', 'absent/*.log')
  expect(warning).toBe(true)
  expect(detail).toContain(`no file matches ${folder}/*.err`)
  expect(detail).toContain(`the folder ${folder}/absent does not exist`)
})

test('a file that the worker may not read is a warning', async (context) => {
  // Root may read every file, so the test cannot make a file unreadable for root.
  if (process.getuid?.() === 0) return context.skip()
  chmodSync(join(folder, 'app.log'), 0o200)
  expect((await doctor('*.log')).detail).toContain(`cannot read ${folder}/app.log`)
})
