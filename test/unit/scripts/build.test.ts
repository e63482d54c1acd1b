import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'

const run = promisify(execFile)

/** A fake compiler: appends a line to compiled.log, and writes an empty .js for each .ts in src. */
const COMPILER = `
  import fs from 'node:fs'
  fs.appendFileSync('compiled.log', 'compiled\\n')
  fs.mkdirSync('dist/src', { recursive: true })
  for (const name of fs.readdirSync('src')) {
    if (name.endsWith('.ts')) fs.writeFileSync('dist/src/' + name.replace(/ts$/, 'js'), '')
  }
  if (fs.existsSync('src/broken.ts')) { console.log('src/broken.ts(1,1): error'); process.exit(1) }`

let clone: string
beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), 'build-'))
  await cp(new URL('../../../scripts', import.meta.url), join(clone, 'scripts'), { recursive: true })
  await write('package.json', '{"type":"module"}')
  await write('package-lock.json', '{"packages":{"":{}}}')
  await write('node_modules/.package-lock.json', '{"packages":{}}')
  await write('node_modules/typescript/package.json', '{}')
  await write('node_modules/typescript/bin/tsc', COMPILER)
  await write('tsconfig.json', '{}')
  await write('tsconfig.build.json', '{}')
  await write('src/one.ts', '')
  await write('src/migrations/0001-first.sql', 'SELECT 1')
})
afterEach(() => rm(clone, { recursive: true, force: true }))

test('the first use builds, the second does nothing, and a change builds again', async () => {
  await build()
  await build()
  expect(await timesCompiled()).toBe(1)
  await write('src/one.ts', 'changed')
  await build()
  expect(await timesCompiled()).toBe(2)
})

test('SQL files are copied beside the compiled code, and deleted sources are removed from there', async () => {
  await write('src/two.ts', '')
  await build()
  expect(await readFile(join(clone, 'dist/src/migrations/0001-first.sql'), 'utf8')).toBe('SELECT 1')
  await rm(join(clone, 'src/two.ts'))
  await rm(join(clone, 'src/migrations/0001-first.sql'))
  await build()
  expect(await readdir(join(clone, 'dist/src'))).toEqual(['migrations', 'one.js'])
  expect(await readdir(join(clone, 'dist/src/migrations'))).toEqual([])
})

test('dist is built again when it was removed', async () => {
  await build()
  await rm(join(clone, 'dist'), { recursive: true })
  await build()
  expect(await readdir(join(clone, 'dist/src'))).toContain('one.js')
})

test('two first uses at once build once', async () => {
  await Promise.all([build(), build()])
  expect(await timesCompiled()).toBe(1)
})

test('a failed build shows the errors of the compiler, and is tried again the next time', async () => {
  await write('src/broken.ts', '')
  await expect(build()).rejects.toThrow(/src\/broken\.ts\(1,1\): error[^]*The build failed/)
  await rm(join(clone, 'src/broken.ts'))
  await build()
  expect(await timesCompiled()).toBe(2)
})

test('the lock of a build that was killed does not block the next one', async () => {
  await write('.runbook/locks/build', '999999999')
  await build()
  expect(await timesCompiled()).toBe(1)
})

test('work that needs only the compiled code is done while the workflow bundle is built, and not when that is built already', async () => {
  const script = `import { existsSync } from 'node:fs'
    const { ensureBuilt } = await import('./scripts/build.js')
    for (const time of ['first', 'second'])
      await ensureBuilt(async () => console.log(time, existsSync('dist/src/one.js'), existsSync('dist/.built.json')))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: clone })
  expect(stdout).toBe('first true false\n')
})

function build(): Promise<unknown> {
  return run(process.execPath, [join(clone, 'scripts/build.js')])
}

async function timesCompiled(): Promise<number> {
  return (await readFile(join(clone, 'compiled.log'), 'utf8')).split('\n').length - 1
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(clone, file)), { recursive: true })
  await writeFile(join(clone, file), text)
}
