import { main } from '../../src/cli/main.ts'
import type { IncidentView, Review, RoundView } from '../../src/engine/views/view-types.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'
import { until } from './until.ts'
import type { World } from './world.ts'

/** Opens an incident, which must be a new one. */
export async function trigger(world: World, type: string, inputs: Record<string, string>): Promise<string> {
  const given = Object.entries(inputs).flatMap(([name, value]) => ['--input', `${name}=${value}`])
  const { code, out, err } = await world.runbook(['trigger', type, ...given, '-o', 'json'])
  if (code !== 0) throw new Error(`trigger ${type}: ${err}`)
  const accepted = JSON.parse(out) as { incident: string; created: boolean }
  if (!accepted.created) throw new Error(`${accepted.incident} was open already`)
  return accepted.incident
}

export async function show(world: World, id: string): Promise<IncidentView> {
  const { code, out, err } = await world.runbook(['show', id, '-o', 'json'])
  if (code !== 0) throw new Error(`show ${id}: ${err}`)
  return JSON.parse(out) as IncidentView
}

/** The round whose gate is open. Fails at once when the incident is closed instead. */
export async function untilGate(world: World, id: string, number = 1, withinMs = 60_000): Promise<RoundView> {
  return until(
    `round ${number} of ${id} waits at its gate`,
    async () => {
      const view = await show(world, id)
      if (view.outcome) throw new Error(`${id} is ${inWords(view)}`)
      return view.rounds.find(({ round, gate }) => round === number && gate?.state === 'open')
    },
    withinMs,
  )
}

/** As a person does who has looked at it. */
export async function approve(world: World, id: string, { gate }: RoundView): Promise<void> {
  const { code, err } = await world.runbook(['approve', id, '--digest', gate!.proposalDigest.slice(0, 12)])
  if (code !== 0) throw new Error(`approve ${id}: ${err}`)
}

/** Watches it to its end. Fails when it waits for somebody once more instead. */
export async function untilClosed(
  world: World,
  id: string,
  withinMs = 90_000,
): Promise<IncidentView & { exit: number; watched: string }> {
  const terminal = fakeTerminal({ cwd: world.installation.root })
  const watching = main(['watch', id], terminal)
  try {
    const end = await until(
      `${id} is closed`,
      async () => {
        const view = await show(world, id)
        if (view.rounds.at(-1)?.gate?.state === 'open') throw new Error(`${id} waits again: ${inWords(view)}`)
        return view.outcome ? view : undefined
      },
      withinMs,
    )
    return { ...end, exit: await watching, watched: terminal.out }
  } finally {
    terminal.interrupt()
  }
}

/** For the message of a test that fails. */
function inWords({ outcome, reason, rounds }: IncidentView): string {
  const shown = rounds.map(({ round, causes, remedy, effects, verified }) => ({
    round,
    causes,
    remedy,
    effects,
    verified,
  }))
  return `${outcome}: ${reason}\n${JSON.stringify(shown, null, 1)}`
}

export async function review(world: World, id: string): Promise<Review> {
  return JSON.parse((await world.runbook(['review', id, '--format', 'json'])).out) as Review
}
