import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { IncidentView, TimelineEntry } from '../engine/views/view-types.ts'
import { eraseStack } from '../stack/erase-stack.ts'
import { fetchPrograms } from '../stack/fetch-programs.ts'
import { Client } from './client.ts'
import { makeRoot } from './installation/make-root.ts'
import { packageRoot } from './installation/package-root.ts'
import { maestroIn, startInstallation, type Installation } from './installation/start-installation.ts'
import { main as runCommand } from './main.ts'
import { pageOf } from './output.ts'
import { showLines } from './render/show.ts'
import { timelineLine } from './render/timeline.ts'
import { processTerminal, type Terminal } from './terminal.ts'

interface Scene {
  title: string
  /** The faults of the scene. They are injected one after the other. */
  faults: string[]
  incident: string
  inputs: Record<string, string>
  /** The fault that is removed after the approval of this remedy, as the owner of that service would do. */
  healAfter?: { remedy: string; fault: string }
  /** A fault that is removed at the end, so that the next scene starts from a healthy system. */
  healAtEnd?: string
}

const SCENES: Scene[] = [
  {
    title: 'Runs are stuck: their workers died, and no worker checks for stalled jobs',
    faults: ['stalled-nobody-checks'],
    incident: 'stuck-run',
    inputs: { threshold: '5s' },
    healAtEnd: 'stalled-nobody-checks',
  },
  {
    title: 'Tasks fail: two causes at once, fixed in two rounds',
    faults: ['timeout-too-short', 'dependency-down'],
    incident: 'task-failure',
    inputs: { since: '10m' },
    healAfter: { remedy: 'retry-when-healthy', fault: 'dependency-down' },
  },
  {
    title: 'The queue is congested: one job crashes every worker that processes it',
    faults: ['poison-pill'],
    incident: 'queue-congestion',
    inputs: { length: '20', oldest: '10s' },
  },
]

/**
 * `npm run demo`: injects a real fault for each incident type, follows the incident until it is closed, and prints a review. Approves
 * by itself, or asks with `--interactive`. Exit code 0 if every incident was resolved.
 */
export async function main(argv: string[]): Promise<number> {
  const interactive = argv.includes('--interactive')
  const terminal = processTerminal()
  const unknown = argv.filter((one) => one !== '--interactive')
  if (unknown.length > 0) {
    terminal.log(`error: unknown argument ${unknown.join(' ')}. The only option is --interactive.`)
    return 2
  }
  if (interactive && !terminal.interactive) {
    terminal.log('error: --interactive needs a terminal. Run the demo in one, or leave the option out.')
    return 2
  }
  const stopping = new AbortController()
  let removeHandler = () => {}
  let installation: Installation | undefined
  try {
    // Until the installation has started, Ctrl-C ends the process.
    installation = await start(terminal)
    removeHandler = terminal.onInterrupt(() => stopping.abort())
    return await runScenes(terminal, installation, interactive, stopping.signal)
  } catch (error) {
    terminal.log(stopping.signal.aborted ? 'demo stopped' : `error: ${messageOf(error)}`)
    return 1
  } finally {
    terminal.log('stopping everything …')
    await installation?.stop()
    removeHandler()
  }
}

/** Finds the programs of the servers while the workflow bundle is built, because both take seconds. Missing programs are downloaded. */
export function whileBuilding(): Promise<void> {
  return fetchPrograms((line) => processTerminal().log(line))
}

async function start(terminal: Terminal): Promise<Installation> {
  const source = packageRoot()
  const root = join(source, '.runbook', 'demo')
  // Stops processes that a killed demo may have left running.
  if (existsSync(join(root, '.runbook', 'maestro', 'state.json'))) await maestroIn(root, ['down']).catch(() => {})
  await eraseStack(join(root, '.runbook'))
  makeRoot({ pattern: source, root })
  process.chdir(root)
  return startInstallation({ root, temporal: 'memory', maestro: true, log: (line) => terminal.log(`  ${line}`) })
}

async function runScenes(
  terminal: Terminal,
  installation: Installation,
  interactive: boolean,
  signal: AbortSignal,
): Promise<number> {
  const { RUNBOOK_URL: url = '', RUNBOOK_TOKEN: token } = installation.env
  const client = new Client({ url, token })
  const closed: IncidentView[] = []
  for (const [number, scene] of SCENES.entries()) {
    heading(terminal, `${number + 1} of ${SCENES.length}  ${scene.title}`)
    for (const fault of scene.faults) {
      terminal.print(`$ npm run maestro -- fault ${fault}`)
      terminal.print(indent(await installation.maestro(['fault', fault])))
    }
    closed.push(await runScene(terminal, client, installation, scene, interactive, signal))
    if (scene.healAtEnd) await installation.maestro(['heal', scene.healAtEnd])
  }
  const rounds = (view: IncidentView) => view.rounds.filter((round) => round.gate).length
  const longest = closed.toSorted((a, b) => rounds(b) - rounds(a))[0]!
  heading(terminal, `A week later: runbook review ${longest.id}`)
  // The evidence is left out here, because it is long.
  terminal.print((await client.reviewMarkdown(longest.id)).split('\n## Evidence')[0]!)
  heading(terminal, 'Summary')
  for (const view of closed)
    terminal.print(
      `  ${view.id}  ${view.type.padEnd(18)} ${view.outcome}, ${rounds(view)} round${rounds(view) === 1 ? '' : 's'}: ${view.reason}`,
    )
  return closed.every((view) => view.outcome === 'resolved') ? 0 : 1
}

/** One incident, from its trigger until it is closed. */
async function runScene(
  terminal: Terminal,
  client: Client,
  installation: Installation,
  scene: Scene,
  interactive: boolean,
  signal: AbortSignal,
): Promise<IncidentView> {
  const inputs = Object.entries(scene.inputs).map(([name, value]) => `--input ${name}=${value}`)
  terminal.print(`$ runbook trigger ${[scene.incident, ...inputs].join(' ')} --watch`)
  const { incident } = await client.trigger(scene.incident, scene.inputs)
  let opened: string | undefined
  for await (const entry of client.events(incident, signal, (reason) =>
    terminal.log(reason === undefined ? '  reconnected' : `  reconnecting: ${reason}`),
  )) {
    opened ??= entry.at
    terminal.print(`  ${timelineLine(entry, opened)}`)
    if (entry.kind === 'proposal' && entry.data.auto !== true) await decide(terminal, client, incident, interactive)
    if (entry.kind === 'decision') await healAfter(terminal, installation, scene, entry, await client.show(incident))
  }
  if (signal.aborted) throw new RunbookError('RUNBOOK_CONFLICT', 'the demo was stopped')
  return client.show(incident)
}

/** Shows the proposal. Then a person decides, or the demo approves. */
async function decide(terminal: Terminal, client: Client, incident: string, interactive: boolean): Promise<void> {
  const view = await client.show(incident)
  const gate = view.rounds.at(-1)?.gate
  if (gate?.state !== 'open') return
  terminal.print('')
  terminal.print(indent(showLines(view, { ...pageOf(terminal), width: terminal.width - 4 }).join('\n')))
  terminal.print('')
  if (interactive) {
    const code = await runCommand(['approve', incident], terminal)
    if (code !== 0) await runCommand(['reject', incident, '--comment', 'not approved in the demo'], terminal)
    return
  }
  await client.decide(incident, {
    gate: gate.id,
    proposalDigest: gate.proposalDigest,
    decision: 'approve',
    comment: 'matches the diagnosis',
  })
}

async function healAfter(
  terminal: Terminal,
  installation: Installation,
  scene: Scene,
  entry: TimelineEntry,
  view: IncidentView,
): Promise<void> {
  const { healAfter: heal } = scene
  const round = view.rounds.find((one) => one.gate?.id === entry.data.gate)
  if (!heal || entry.data.decision !== 'approve' || round?.remedy !== heal.remedy) return
  terminal.print(`  (the owner of the service restores it: npm run maestro -- heal ${heal.fault})`)
  await installation.maestro(['heal', heal.fault])
}

function heading(terminal: Terminal, text: string): void {
  terminal.print(`\n${terminal.colours.bold(text)}\n`)
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`))
    .join('\n')
}
