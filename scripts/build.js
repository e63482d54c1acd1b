import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { withFileLock } from './file-lock.js'
import { ensureInstalled, matchesLockfile } from './install.js'
import { root, run } from './run.js'

const SOURCES = ['src', 'workflows', 'activities', 'examples', 'bench']
/** What the workflow bundle is made of; only a change in these makes it anew. */
const BUNDLED = [
  'workflows',
  'src/core',
  'src/interpreter',
  'src/language',
  'src/temporal/bundle.ts',
  'package-lock.json',
]
const ASSETS = /\.(sql|lua|css|html|svg|json)$/
const BUNDLER = 'dist/src/temporal/bundle.js'
const STAMP = 'dist/.built.json'

/** Installs and builds what is missing or older than its sources. Takes some 20 ms when nothing is. Messages go to stderr. */
export async function ensureBuilt() {
  if (isBuilt() && matchesLockfile()) return
  await ensureInstalled()
  const waiting = (pid) => console.error(`waiting for process ${pid}, which installs or builds at this moment`)
  await withFileLock(join(root, '.runbook/locks/build'), waiting, async () => {
    if (!isBuilt()) await build()
  })
}

function isBuilt() {
  return readStamp().sources === fingerprint(sourcesAndSettings())
}

async function build() {
  const started = Date.now()
  console.error('building …')
  // Taken before, so that what is edited while the compiler runs is built the next time.
  const sources = fingerprint(sourcesAndSettings())
  const bundled = fingerprint(BUNDLED.flatMap(filesBelow))
  const former = readStamp()
  rmSync(join(root, STAMP), { force: true })
  const compiled = await run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    'tsconfig.build.json',
  ])
  copyAssets()
  removeLeftovers()
  if (compiled.code !== 0)
    throw new Error(`${compiled.output}\n\nThe build failed: the compiler's complaints stand above.`)
  if (former.bundled !== bundled || !existsSync(join(root, 'dist/workflow-bundle.js'))) await makeBundle()
  writeFileSync(join(root, STAMP), JSON.stringify({ sources, bundled }))
  console.error(`built in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

async function makeBundle() {
  if (!existsSync(join(root, BUNDLER))) return
  // In a process of its own: the bundler's compiler would stay in the memory of whoever asked for the build.
  const call = `import(${JSON.stringify(pathToFileURL(join(root, BUNDLER)).href)}).then((module) => module.bundle())`
  const { code, output } = await run(process.execPath, ['--input-type=module', '--eval', call])
  if (code !== 0) throw new Error(`${output}\n\nThe workflow bundle could not be made.`)
}

function copyAssets() {
  for (const file of SOURCES.flatMap(filesBelow).filter((path) => ASSETS.test(path))) {
    const copy = join(root, 'dist', file)
    mkdirSync(dirname(copy), { recursive: true })
    copyFileSync(join(root, file), copy)
  }
}

/** A migration or a command that was deleted must not live on in dist. */
function removeLeftovers() {
  for (const path of SOURCES.flatMap((source) => filesBelow(join('dist', source)))) {
    const source = path.slice('dist/'.length)
    const candidates = [source, source.replace(/\.js(\.map)?$/, '.ts')]
    if (!candidates.some((candidate) => existsSync(join(root, candidate)))) rmSync(join(root, path))
  }
}

function sourcesAndSettings() {
  return [...SOURCES.flatMap(filesBelow), 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']
}

/** Of paths, times and sizes: notices edits, deletions, and a checkout that brings older files. */
function fingerprint(paths) {
  const hash = createHash('sha256')
  for (const path of paths) {
    const { mtimeMs, size } = statSync(join(root, path))
    hash.update(`${path}\0${mtimeMs}\0${size}\n`)
  }
  return hash.digest('hex')
}

/** Relative to the root, sorted; the file itself when it is one; nothing when there is none. */
function filesBelow(path) {
  const info = statSync(join(root, path), { throwIfNoEntry: false })
  if (info === undefined) return []
  if (info.isFile()) return [path]
  return readdirSync(join(root, path))
    .sort()
    .flatMap((name) => filesBelow(join(path, name)))
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(join(root, STAMP), 'utf8'))
  } catch {
    return {}
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await ensureBuilt().catch((error) => {
    console.error(error.message)
    process.exitCode = error?.exitCode ?? 1
  })
}
