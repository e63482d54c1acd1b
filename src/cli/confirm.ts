import { RunbookError } from '../core/errors.ts'
import { visibleLine } from '../core/displayable.ts'
import type { GateView } from '../engine/views/view-types.ts'
import type { Client } from './client.ts'
import { Exit } from './command.ts'
import { openGateOf } from './decide.ts'
import { pageOf } from './output.ts'
import { proposalInFull, targetsInWords } from './render/proposal.ts'
import type { Terminal } from './terminal.ts'

/**
 * The open gate of an incident that a person means to decide: named by a digest, or shown to them in full and asked for. Without a
 * terminal to ask on the digest is needed: `RUNBOOK_BAD_INPUT`.
 */
export async function gateToDecide(
  terminal: Terminal,
  client: Client,
  id: string,
  { digest, targets }: { digest?: string; targets?: string[] },
  verb: string,
): Promise<GateView> {
  const gate = await openGateOf(client, id, digest)
  if (digest !== undefined) return gate
  if (!terminal.interactive)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `there is no terminal to ask on: say which proposal you mean with --digest ("runbook show ${id}" prints it)`,
    )
  await confirm(terminal, gate, targets, verb)
  return gate
}

/** Shows the whole proposal and asks. Anything but yes decides nothing. */
export async function confirm(
  terminal: Terminal,
  gate: GateView,
  targets: string[] | undefined,
  verb: string,
): Promise<void> {
  terminal.say(proposalInFull(gate, pageOf(terminal)).join('\n'))
  const keys = targets ?? gate.proposal.targets.map((target) => target.key)
  const question = `\n${visibleLine(gate.proposal.title)}?\n${verb} ${visibleLine(targetsInWords(keys))}`
  await insist(terminal, question, 'nothing was decided')
}

/** Asks, and goes on after yes alone; else says so and ends with 1. */
export async function insist(terminal: Terminal, question: string, otherwise: string): Promise<void> {
  const answer = await terminal.ask(`${question} [y/N] `)
  if (answer !== null && /^y(es)?$/i.test(answer.trim())) return
  terminal.say(otherwise)
  throw new Exit(1)
}
