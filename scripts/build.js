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
/** The sources of the workflow bundle. It is built again only when one of these changes. */
const BUNDLED = [
  'workflows',
  'src/core',
  'src/interpreter',
  'src/language',
  'src/temporal/bundle.ts',
  'package-lock.json',
]
const ASSETS = /\.(sql|lua|css|html|svg|json|mjs)$/
const BUNDLER = 'dist/src/temporal/bundle.js'
const STAMP = 'dist/.built.json'

/**
 * Installs and builds what is missing or older than its sources. Takes about 20 ms when there is nothing to do. Messages go to stderr.
 *
 * @param {() => Promise<void>} [meanwhile] called when the code is compiled, before the workflow bundle is built; not called if that is built
 */
export async function ensureBuilt(meanwhile) {
  if (isBuilt() && matchesLockfile()) return
  await ensureInstalled()
  const waiting = (pid) => console.error(`waiting for process ${pid}, which is installing or building`)
  await withFileLock(join(root, '.runbook/locks/build'), waiting, async () => {
    if (!isBuilt()) await build(meanwhile)
  })
}

function isBuilt() {
  return readStamp().sources === fingerprint(sourcesAndSettings())
}

async function build(meanwhile) {
  const started = Date.now()
  console.error('building …')
  // The fingerprint is taken before the compiler runs, so that a file that is edited during the build is built the next time.
  const sources = fingerprint(sourcesAndSettings())
  const bundled = fingerprint(BUNDLED.flatMap(filesBelow))
  const previous = readStamp()
  rmSync(join(root, STAMP), { force: true })
  const compiled = await run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    'tsconfig.build.json',
  ])
  copyAssets()
  removeLeftovers()
  if (compiled.code !== 0) throw new Error(`${compiled.output}\n\nThe build failed: the compiler's errors are above.`)
  if (previous.bundled !== bundled || !existsSync(join(root, 'dist/workflow-bundle.js')))
    await Promise.all([buildBundle(), meanwhile?.()])
  writeFileSync(join(root, STAMP), JSON.stringify({ sources, bundled }))
  console.error(`built in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

async function buildBundle() {
  if (!existsSync(join(root, BUNDLER))) return
  // The bundler runs in another process, because its compiler would otherwise stay in the memory of this process.
  const call = `import(${JSON.stringify(pathToFileURL(join(root, BUNDLER)).href)}).then((module) => module.bundle())`
  const { code, output } = await run(process.execPath, ['--input-type=module', '--eval', call])
  if (code !== 0) throw new Error(`${output}\n\nThe workflow bundle could not be built.`)
}

function copyAssets() {
  for (const file of SOURCES.flatMap(filesBelow).filter((path) => ASSETS.test(path))) {
    const copy = join(root, 'dist', file)
    mkdirSync(dirname(copy), { recursive: true })
    copyFileSync(join(root, file), copy)
  }
}

/** Removes files from dist whose source was deleted, for example a migration or a command. */
function removeLeftovers() {
  for (const path of SOURCES.flatMap((source) => filesBelow(join('dist', source)))) {
    const source = path.slice('dist/'.length)
    const candidates = [source, ...['.ts', '.tsx'].map((ending) => source.replace(/\.js(\.map)?$/, ending))]
    if (!candidates.some((candidate) => existsSync(join(root, candidate)))) rmSync(join(root, path))
  }
}

function sourcesAndSettings() {
  return [...SOURCES.flatMap(filesBelow), 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']
}

/** A hash of paths, times and sizes: it changes with edits, with deletions, and with a checkout of older files. */
function fingerprint(paths) {
  const hash = createHash('sha256')
  for (const path of paths) {
    const { mtimeMs, size } = statSync(join(root, path))
    hash.update(`${path}\0${mtimeMs}\0${size}\n`)
  }
  return hash.digest('hex')
}

/** The files below a folder, relative to the root and sorted. If the path is a file, the list has only that file; if the path does not exist, the list is empty. */
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
