import { visibleLine } from '../core/displayable.ts'
import { RunbookError } from '../core/errors.ts'
import type { GateView } from '../engine/views/view-types.ts'
import type { Client } from './client.ts'
import { Exit } from './command.ts'
import { findOpenGate } from './decide.ts'
import { pageOf } from './output.ts'
import { proposalInFull, targetsInWords } from './render/proposal.ts'
import type { Terminal } from './terminal.ts'

/**
 * Returns the open gate of an incident that a person wants to decide. The person identifies it by a digest, or it is shown in full and the
 * person confirms. Without an interactive terminal the digest is required: `RUNBOOK_BAD_INPUT`.
 */
export async function gateToDecide(
  terminal: Terminal,
  client: Client,
  id: string,
  { digest, targets }: { digest?: string; targets?: string[] },
  decision: string,
): Promise<GateView> {
  const gate = await findOpenGate(client, id, digest)
  if (digest !== undefined) return gate
  if (!terminal.interactive)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `--digest is required, because there is no terminal to confirm on. "runbook show ${id}" prints the digest of the proposal.`,
    )
  await confirm(terminal, gate, targets, decision)
  return gate
}

/** Shows the whole proposal and asks the person. Any answer except yes ends the command without a decision. */
export async function confirm(
  terminal: Terminal,
  gate: GateView,
  targets: string[] | undefined,
  decision: string,
): Promise<void> {
  terminal.log(proposalInFull(gate, pageOf(terminal)).join('\n'))
  const keys = targets ?? gate.proposal.targets.map((target) => target.key)
  const question = `\n${visibleLine(gate.proposal.title)}?\n${decision} ${visibleLine(targetsInWords(keys))}`
  await requireYes(terminal, question, 'nothing was decided')
}

/** Asks a question. After any answer except yes it prints `refusal` and exits with 1. */
export async function requireYes(terminal: Terminal, question: string, refusal: string): Promise<void> {
  const answer = await terminal.ask(`${question} [y/N] `)
  if (answer !== null && /^y(es)?$/i.test(answer.trim())) return
  terminal.log(refusal)
  throw new Exit(1)
}
