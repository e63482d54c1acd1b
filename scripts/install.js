import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withFileLock } from './file-lock.js'
import { root, run } from './run.js'

const MINIMUM = [20, 19]

/** Makes node_modules what package-lock.json says; does nothing when it is that already. Messages go to stderr. */
export async function ensureInstalled() {
  requireNode()
  if (matchesLockfile()) return
  const waiting = (pid) => console.error(`waiting for process ${pid}, which installs or builds at this moment`)
  await withFileLock(join(root, '.runbook/locks/build'), waiting, async () => {
    if (matchesLockfile()) return
    console.error('installing the dependencies (npm ci) …')
    const { code, seconds } = await npmCi()
    if (code !== 0) throw new Error('npm ci failed; its output stands above')
    console.error(`dependencies installed in ${seconds.toFixed(0)} s`)
  })
}

function npmCi() {
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel', 'error']
  // Under npm and npx the npm that runs us, which need not be the one on PATH.
  const npm = process.env.npm_execpath
  // npx hands its own settings down, among them the folder and the package it was called for.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(config_(prefix|local_prefix|package|global)|package_|lifecycle_)/i.test(name),
    ),
  )
  return npm?.endsWith('.js')
    ? run(process.execPath, [npm, ...args], { show: true, env })
    : run('npm', args, { show: true, env })
}

/** npm writes what it installed to node_modules/.package-lock.json: compared package by package, which takes a few ms. */
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
    // Builds for other platforms are optional and absent.
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
    `Node ${MINIMUM.join('.')} or later is needed; this is ${process.versions.node} (${process.execPath})`,
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await ensureInstalled().catch((error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
