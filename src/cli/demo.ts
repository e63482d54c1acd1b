import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { IncidentView, TimelineEntry } from '../engine/views/view-types.ts'
import { eraseStack } from '../stack/erase-stack.ts'
import { Client } from './client.ts'
import { makeRoot } from './installation/make-root.ts'
import { packageRoot } from './installation/package-root.ts'
import { maestroIn, startInstallation, type Installation } from './installation/start-installation.ts'
import { main as runbook } from './main.ts'
import { pageOf } from './output.ts'
import { showLines } from './render/show.ts'
import { timelineLine } from './render/timeline.ts'
import { processTerminal, type Terminal } from './terminal.ts'

interface Scene {
  title: string
  /** Switched on one after the other. */
  faults: string[]
  incident: string
  inputs: Record<string, string>
  /** After this remedy was approved its cause is taken away, as somebody would who looks after that service. */
  healAfter?: { remedy: string; fault: string }
  /** Switched off at the end, so that the next scene starts from a healthy system. */
  healAtEnd?: string
}

const SCENES: Scene[] = [
  {
    title: 'Runs are stuck: their workers died, and nobody checks for stalled jobs',
    faults: ['stalled-nobody-checks'],
    incident: 'stuck-run',
    inputs: { threshold: '5s' },
    healAtEnd: 'stalled-nobody-checks',
  },
  {
    title: 'Tasks fail: two causes at once, treated in two rounds',
    faults: ['timeout-too-short', 'dependency-down'],
    incident: 'task-failure',
    inputs: { since: '10m' },
    healAfter: { remedy: 'retry-when-healthy', fault: 'dependency-down' },
  },
  {
    title: 'The queue is congested: one job crashes every worker that takes it',
    faults: ['poison-pill'],
    incident: 'queue-congestion',
    inputs: { length: '20', oldest: '10s' },
  },
]

/**
 * `npm run demo`: takes one incident of each type from a real fault to its end, live, and prints a review. Decides by itself, or with
 * `--interactive` asks. Exit code 0 when every incident was resolved.
 */
export async function main(argv: string[]): Promise<number> {
  const interactive = argv.includes('--interactive')
  const terminal = processTerminal()
  const unknown = argv.filter((one) => one !== '--interactive')
  if (unknown.length > 0) {
    terminal.say(`demo: ${unknown.join(' ')} is not known; the only option is --interactive`)
    return 2
  }
  if (interactive && !terminal.interactive) {
    terminal.say('demo: --interactive needs a terminal, in which you can be asked')
    return 2
  }
  const ending = new AbortController()
  let forget = () => {}
  let installation: Installation | undefined
  try {
    // Who is interrupted while it starts ends by itself.
    installation = await start(terminal)
    forget = terminal.onInterrupt(() => ending.abort())
    return await play(terminal, installation, interactive, ending.signal)
  } catch (error) {
    if (ending.signal.aborted) terminal.say('demo: stopped')
    else terminal.say(`demo: ${messageOf(error)}`)
    return 1
  } finally {
    terminal.say('ending everything …')
    await installation?.stop()
    forget()
  }
}

async function start(terminal: Terminal): Promise<Installation> {
  const pattern = packageRoot()
  const root = join(pattern, '.runbook', 'demo')
  // Of a demo that was killed, processes may be left.
  if (existsSync(join(root, '.runbook', 'maestro', 'state.json'))) await maestroIn(root, ['down']).catch(() => {})
  await eraseStack(join(root, '.runbook'))
  makeRoot({ pattern, root })
  process.chdir(root)
  return startInstallation({ root, temporal: 'memory', maestro: true, log: (line) => terminal.say(`  ${line}`) })
}

async function play(
  terminal: Terminal,
  installation: Installation,
  interactive: boolean,
  signal: AbortSignal,
): Promise<number> {
  const { RUNBOOK_URL: url = '', RUNBOOK_TOKEN: token } = installation.env
  const client = new Client({ url, token })
  const ends: IncidentView[] = []
  for (const [number, scene] of SCENES.entries()) {
    heading(terminal, `${number + 1} of ${SCENES.length}  ${scene.title}`)
    for (const fault of scene.faults) {
      terminal.print(`$ npm run maestro -- fault ${fault}`)
      terminal.print(indent(await installation.maestro(['fault', fault])))
    }
    ends.push(await carry(terminal, client, installation, scene, interactive, signal))
    if (scene.healAtEnd) await installation.maestro(['heal', scene.healAtEnd])
  }
  const rounds = (view: IncidentView) => view.rounds.filter((round) => round.gate).length
  const longest = ends.toSorted((a, b) => rounds(b) - rounds(a))[0]!
  heading(terminal, `The week after: runbook review ${longest.id}`)
  // The evidence is long, and stands in the review that a person asks for.
  terminal.print((await client.reviewMarkdown(longest.id)).split('\n## Evidence')[0]!)
  heading(terminal, 'In the end')
  for (const view of ends)
    terminal.print(
      `  ${view.id}  ${view.type.padEnd(18)} ${view.outcome}, ${rounds(view)} round${rounds(view) === 1 ? '' : 's'}: ${view.reason}`,
    )
  return ends.every((view) => view.outcome === 'resolved') ? 0 : 1
}

/** One incident, from its trigger to its end. */
async function carry(
  terminal: Terminal,
  client: Client,
  installation: Installation,
  scene: Scene,
  interactive: boolean,
  signal: AbortSignal,
): Promise<IncidentView> {
  const given = Object.entries(scene.inputs).map(([name, value]) => `--input ${name}=${value}`)
  terminal.print(`$ runbook trigger ${[scene.incident, ...given].join(' ')} --watch`)
  const { incident } = await client.trigger(scene.incident, scene.inputs)
  let opened: string | undefined
  for await (const entry of client.events(incident, signal, (why) => terminal.say(`  waiting: ${why}`))) {
    opened ??= entry.at
    terminal.print(`  ${timelineLine(entry, opened)}`)
    if (entry.kind === 'proposal' && entry.data.auto !== true) await decide(terminal, client, incident, interactive)
    if (entry.kind === 'decision') await healAfter(terminal, installation, scene, entry, await client.show(incident))
  }
  if (signal.aborted) throw new RunbookError('RUNBOOK_CONFLICT', 'stopped')
  return client.show(incident)
}

/** Shows what is proposed; then a person decides, or the demo does after a moment. */
async function decide(terminal: Terminal, client: Client, incident: string, interactive: boolean): Promise<void> {
  const view = await client.show(incident)
  const gate = view.rounds.at(-1)?.gate
  if (gate?.state !== 'open') return
  terminal.print('')
  terminal.print(indent(showLines(view, { ...pageOf(terminal), width: terminal.width - 4 }).join('\n')))
  terminal.print('')
  if (interactive) {
    const code = await runbook(['approve', incident], terminal)
    if (code !== 0) await runbook(['reject', incident, '--comment', 'not approved in the demo'], terminal)
    return
  }
  await sleep(1_000)
  await client.decide(incident, {
    gate: gate.id,
    proposalDigest: gate.proposalDigest,
    decision: 'approve',
    comment: 'looks right',
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
  terminal.print(`  (meanwhile somebody brings the service back: npm run maestro -- heal ${heal.fault})`)
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
