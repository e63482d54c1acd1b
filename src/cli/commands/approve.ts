import { Command } from 'commander'
import { RunbookError } from '../../core/errors.ts'
import type { GateView } from '../../engine/views.ts'
import { openClient } from '../client.ts'
import { Exit } from '../command.ts'
import { openGateOf } from '../decide.ts'
import { STILL_WAITING } from '../exit-codes.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, pageOf, printJson, wantsJson } from '../output.ts'
import { parseTargets } from '../targets-option.ts'
import { proposalInFull, targetsInWords } from '../render/proposal.ts'
import type { Terminal } from '../terminal.ts'

interface Options {
  digest?: string
  targets?: string[]
  comment?: string
}

export function command(terminal: Terminal): Command {
  return new Command('approve')
    .description(
      'Approves exactly the proposal that waits at the gate. Without --digest it is shown first, and asked for.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('-d, --digest <digest>', "the proposal's digest, or its first 12 digits: approves without asking")
    .option('--targets <keys>', 'only these of its targets, separated by commas', parseTargets)
    .option('-c, --comment <text>', 'kept with the decision')
    .addHelpText(
      'after',
      '\nExits with 8 while more approvals are needed.\n\nExamples:\n  runbook approve 142\n  runbook approve 142 --targets run-7,run-8\n  runbook approve 142 --digest 3f9ac01b22d4',
    )
    .action(async (id: string, options: Options, self: Command) => {
      if (options.digest === undefined && !terminal.interactive)
        throw new RunbookError(
          'RUNBOOK_BAD_INPUT',
          `there is no terminal to ask on: say what you approve with --digest ("runbook show ${id}" prints it)`,
        )
      const client = openClient(terminal)
      const gate = await openGateOf(client, id, options.digest)
      if (options.digest === undefined) await confirm(terminal, gate, options.targets)
      const { targets, comment } = options
      const decided = await client.decide(id, {
        gate: gate.id,
        proposalDigest: gate.proposalDigest,
        decision: 'approve',
        ...(targets ? { targets } : {}),
        ...(comment ? { comment } : {}),
      })
      if (wantsJson(self)) printJson(terminal, decided)
      const waiting = decided.state === 'open'
      const count = `${decided.approvals} of ${decided.required}`
      terminal.say(
        waiting
          ? `${gate.id}: your approval is kept (${count}); ${decided.required - decided.approvals} more needed`
          : `${gate.id} approved (${count}); follow it with "runbook watch ${id}"`,
      )
      if (waiting) throw new Exit(STILL_WAITING)
    })
}

/** Shows the whole proposal and asks. Anything but yes decides nothing. */
async function confirm(terminal: Terminal, gate: GateView, targets: string[] | undefined): Promise<void> {
  terminal.say(proposalInFull(gate, pageOf(terminal)).join('\n'))
  const keys = targets ?? gate.proposal.targets.map((target) => target.key)
  const answer = await terminal.ask(`\n${gate.proposal.title}?\nApprove ${targetsInWords(keys)} [y/N] `)
  if (answer !== null && /^y(es)?$/i.test(answer.trim())) return
  terminal.say('nothing was decided')
  throw new Exit(1)
}
