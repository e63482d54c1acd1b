import { main } from '../../src/cli/main.ts'
import type { IncidentView, Review, RoundView } from '../../src/engine/views/view-types.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'
import { until } from './until.ts'
import type { World } from './world.ts'

/** Opens an incident. Fails if one with the same key is open. */
export async function trigger(world: World, type: string, inputs: Record<string, string>): Promise<string> {
  const options = Object.entries(inputs).flatMap(([name, value]) => ['--input', `${name}=${value}`])
  const { code, out, err } = await world.runbook(['trigger', type, ...options, '-o', 'json'])
  if (code !== 0) throw new Error(`trigger ${type}: ${err}`)
  const accepted = JSON.parse(out) as { incident: string; created: boolean }
  if (!accepted.created) throw new Error(`${accepted.incident} was already open`)
  return accepted.incident
}

export async function show(world: World, id: string): Promise<IncidentView> {
  const { code, out, err } = await world.runbook(['show', id, '-o', 'json'])
  if (code !== 0) throw new Error(`show ${id}: ${err}`)
  return JSON.parse(out) as IncidentView
}

/** Waits for the gate of a round and returns the round. Fails at once if the incident is closed. */
export async function untilGate(world: World, id: string, roundNumber = 1, timeoutMs = 60_000): Promise<RoundView> {
  return until(
    `round ${roundNumber} of ${id} waits at its gate`,
    async () => {
      const view = await show(world, id)
      if (view.outcome) throw new Error(`${id} is ${describe(view)}`)
      return view.rounds.find(({ round, gate }) => round === roundNumber && gate?.state === 'open')
    },
    timeoutMs,
  )
}

/** Approves the proposal with its digest. */
export async function approve(world: World, id: string, { gate }: RoundView): Promise<void> {
  const { code, err } = await world.runbook(['approve', id, '--digest', gate!.proposalDigest.slice(0, 12)])
  if (code !== 0) throw new Error(`approve ${id}: ${err}`)
}

/** Watches the incident until it is closed. Fails if it waits at another gate. Also returns the exit code and output of `watch`. */
export async function untilClosed(
  world: World,
  id: string,
  timeoutMs = 90_000,
): Promise<IncidentView & { exit: number; watched: string }> {
  const terminal = fakeTerminal({ cwd: world.installation.root })
  const watching = main(['watch', id], terminal)
  try {
    const closed = await until(
      `${id} is closed`,
      async () => {
        const view = await show(world, id)
        if (view.rounds.at(-1)?.gate?.state === 'open')
          throw new Error(`${id} waits at another gate: ${describe(view)}`)
        return view.outcome ? view : undefined
      },
      timeoutMs,
    )
    return { ...closed, exit: await watching, watched: terminal.out }
  } finally {
    terminal.interrupt()
  }
}

/** A description for error messages. */
function describe({ outcome, reason, rounds }: IncidentView): string {
  const summary = rounds.map(({ round, causes, remedy, effects, verified }) => ({
    round,
    causes,
    remedy,
    effects,
    verified,
  }))
  return `${outcome}: ${reason}\n${JSON.stringify(summary, null, 1)}`
}

export async function review(world: World, id: string): Promise<Review> {
  return JSON.parse((await world.runbook(['review', id, '--format', 'json'])).out) as Review
}
