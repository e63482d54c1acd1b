import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { sameSettings } from '../config/same-settings.ts'
import { Current } from '../core/current.ts'
import { messageOf } from '../core/errors.ts'
import { runbookFiles } from '../language/load.ts'
import { handOver } from '../gate/hand-over.ts'
import { openTargets } from '../targets/open-targets.ts'
import { brokenRunbooks, loadCatalogue, type EngineCatalogue } from './catalogue.ts'
import type { Engine } from './engine.ts'
import { openEngineKeyring } from './open-keyring.ts'
import { peopleOf } from './people.ts'
import { lastCommit } from './runbook-authors.ts'

/** Settings that a running process cannot change. The clients of the engine's database and of Temporal are already open. */
const FIXED = ['database', 'temporal'] as const

/** The settings with which the clients of diagnosed systems are opened. */
const TARGET_SETTINGS = ['connections', 'checks'] as const

const POLL_MS = 1_000

export interface ReloadOptions {
  /** Reads the present configuration. */
  load(): Config
  log(line: string): void
  pollMs?: number
}

/**
 * The engine of a process. The clients of a diagnosed system are closed when the configuration no longer has the connection and no call
 * uses them.
 */
export function currentEngine(engine: Engine): Current<Engine> {
  return new Current(engine, (replaced, needed) => {
    if (needed.every(({ targets }) => targets !== replaced.targets)) void replaced.targets.close()
  })
}

/**
 * Loads the runbooks and the configuration again whenever their files change. It checks the state of the files every second, which also
 * works on file systems that send no events (network drives, mounted ConfigMaps). Files are read only after they were unchanged for one
 * interval, so that a checkout in progress is not read.
 */
export function keepReloading(engine: Current<Engine>, options: ReloadOptions): { stop(): Promise<void> } {
  const stopped = new AbortController()
  const run = async () => {
    let seen: string | undefined
    let tried: string | undefined
    while (!stopped.signal.aborted) {
      const now = await stateOfFiles(engine.value.config)
      if (now === seen && now !== tried) {
        tried = now
        const told = await reload(engine, options.load)
        if (told !== undefined) options.log(told)
      }
      seen = now
      await sleep(options.pollMs ?? POLL_MS, undefined, { signal: stopped.signal }).catch(() => {})
    }
  }
  const running = run()
  return {
    async stop() {
      stopped.abort()
      await running
    },
  }
}

/**
 * Replaces the engine by one with the present files, or keeps the engine if the files have an error. Returns one sentence that says what
 * happened; undefined if nothing changed.
 */
export async function reload(engine: Current<Engine>, load: () => Config): Promise<string | undefined> {
  const before = engine.value
  try {
    const read = load()
    const restart = FIXED.filter((name) => !sameSettings(read[name], before.config[name]))
    const config = { ...read, ...Object.fromEntries(FIXED.map((name) => [name, before.config[name]])) } as Config
    const catalogue = await loadCatalogue(config)
    const problems = brokenRunbooks(config, catalogue)
    if (problems.length > 0) return keepOld(engine, problems)
    const changes = [...changedRunbooks(before.catalogue, catalogue), ...changedSettings(before.config, config)]
    if (changes.length === 0 && before.files.problems.length === 0 && sameSettings(restart, before.files.restart))
      return undefined
    const files = { loadedAt: new Date().toISOString(), problems: [], restart }
    const people = peopleOf(config)
    const keyring = handOver(before.keyring, openEngineKeyring(config), config.signing.previous)
    const hasSameTargets = TARGET_SETTINGS.every((name) => sameSettings(before.config[name], config[name]))
    const targets = hasSameTargets ? before.targets : openTargets(config)
    engine.replace({ ...before, config, catalogue, people, keyring, targets, files })
    const waiting =
      restart.length > 0
        ? `; the new settings of ${restart.join(', ')} are used only after a restart of this process`
        : ''
    return `files: configuration and runbooks loaded again: ${changes.join(', ') || 'nothing in use has changed'}${waiting}`
  } catch (error) {
    return keepOld(engine, messageOf(error).split('\n'))
  }
}

function keepOld(engine: Current<Engine>, problems: string[]): string | undefined {
  const { files } = engine.value
  if (sameSettings(files.problems, problems)) return undefined
  engine.replace({ ...engine.value, files: { ...files, problems } })
  return `files: not loaded because of errors; the version of ${files.loadedAt} stays in use: ${problems.join('; ')}`
}

function changedRunbooks(before: EngineCatalogue, after: EngineCatalogue): string[] {
  const names = new Set([...before.byName.keys(), ...after.byName.keys()])
  return [...names].flatMap((name) => {
    const [old, now] = [before.byName.get(name)?.planDigest, after.byName.get(name)?.planDigest]
    const authorChanged = now !== undefined && before.authors.get(now) !== after.authors.get(now)
    if (old === now) return authorChanged ? [`author of ${name}`] : []
    return [now === undefined ? `${name} removed` : old === undefined ? `${name} added` : `${name} changed`]
  })
}

function changedSettings(before: Config, after: Config): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof Config>
  return [...names].filter((name) => !sameSettings(before[name], after[name])).map((name) => `configuration: ${name}`)
}

/** A text that differs after every change of a loaded file, and after a commit if the policy asks for authors. */
async function stateOfFiles(config: Config): Promise<string> {
  const runbooks = filesOf(config.runbooks)
  const files = [config.file, join(config.directory, '.runbook', 'env'), ...runbooks]
  return [...files.map(stateOf), await lastCommit(config)].join('\n')
}

function filesOf(paths: string[]): string[] {
  try {
    return runbookFiles(paths)
  } catch (error) {
    return [messageOf(error)]
  }
}

function stateOf(file: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true })
    return `${file} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch (error) {
    return `${file}: ${messageOf(error)}`
  }
}
