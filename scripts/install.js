import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withFileLock } from './file-lock.js'
import { root, run } from './run.js'

const MINIMUM = [20, 19]

/** Installs what package-lock.json lists, unless node_modules has it already. Messages go to stderr. */
export async function ensureInstalled() {
  requireNode()
  if (matchesLockfile()) return
  const waiting = (pid) => console.error(`waiting for process ${pid}, which is installing or building`)
  await withFileLock(join(root, '.runbook/locks/build'), waiting, async () => {
    if (matchesLockfile()) return
    await install()
  })
}

async function install() {
  console.error('installing the dependencies …')
  const options = { env: npmEnvironment(), stillRunning: (seconds) => console.error(`installing … ${seconds} s`) }
  const quiet = ['--no-audit', '--no-fund', '--loglevel', 'error']
  const exact = await run(...npm('ci', ...quiet), options)
  if (exact.code === 0) return console.error(`installed in ${exact.seconds.toFixed(0)} s`)
  // `npm ci` refuses a lockfile that was written where some optional packages were not available; `npm install` accepts it.
  const lenient = await run(...npm('install', '--no-save', ...quiet), options)
  if (lenient.code === 0) return console.error(`installed in ${(exact.seconds + lenient.seconds).toFixed(0)} s`)
  throw new Error(`${lenient.output}\n\nThe dependencies could not be installed: npm's errors are above.`)
}

/** The npm that runs this script, which may not be the one on PATH. */
function npm(...args) {
  const script = process.env.npm_execpath
  const isNpm = script !== undefined && /\bnp[mx]-cli\.js$/.test(script)
  return isNpm ? [process.execPath, [script.replace(/npx-cli\.js$/, 'npm-cli.js'), ...args]] : ['npm', args]
}

/** The environment without the settings of the calling npm or npx, such as its working directory and package. */
function npmEnvironment() {
  const own = /^npm_(package|lifecycle|command)|^npm_config_(prefix|local_prefix|global|package|call|yes|workspace)/i
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
}

/** Compares package-lock.json with node_modules/.package-lock.json, where npm records what it installed. Takes a few ms. */
export function matchesLockfile(dir = root) {
  const wanted = readPackages(join(dir, 'package-lock.json'))
  const present = readPackages(join(dir, 'node_modules/.package-lock.json'))
  if (wanted === null || present === null) return false
  const { dependencies = {}, devDependencies = {} } = wanted[''] ?? {}
  const direct = Object.keys({ ...dependencies, ...devDependencies })
  if (direct.some((name) => !existsSync(join(dir, 'node_modules', name)))) return false
  return Object.entries(wanted).every(([path, { version, integrity, optional, devOptional }]) => {
    if (path === '') return true
    const installed = present[path]
    // Packages for other platforms are optional and not installed.
    if (installed === undefined) return optional === true || devOptional === true
    return installed.version === version && installed.integrity === integrity
  })
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return null
  }
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) return
  throw new Error(
    `Node ${MINIMUM.join('.')} or later is required; this is ${process.versions.node} (${process.execPath})`,
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await ensureInstalled().catch((error) => {
    console.error(error.message)
    process.exitCode = error?.exitCode ?? 1
  })
}
