import { Command } from 'commander'
import { openClient } from '../client.ts'
import { Exit } from '../command.ts'
import { gateToDecide } from '../confirm.ts'
import { glassReason } from '../decide.ts'
import { STILL_WAITING } from '../exit-codes.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import { parseTargets } from '../targets-option.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

interface Options {
  digest?: string
  targets?: string[]
  comment?: string
  breakGlass?: true
  reason?: string
  watch?: true
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
    .option('--break-glass', 'approve alone, where your groups may: needs --reason, and everybody is told')
    .option('--reason <text>', 'with --break-glass: why it cannot wait, in at least 20 characters')
    .option('-w, --watch', 'then follow it to its end; the exit code is that of its outcome')
    .addHelpText(
      'after',
      '\nExits with 8 while more approvals are needed.\n\nExamples:\n  runbook approve 142\n  runbook approve 142 --watch\n  runbook approve 142 --targets run-7,run-8\n  runbook approve 142 --digest 3f9ac01b22d4',
    )
    .action((id: string, options: Options, self: Command) => approve(terminal, id, options, wantsJson(self)))
}

async function approve(terminal: Terminal, id: string, options: Options, json: boolean): Promise<void> {
  const { targets, comment } = options
  const breakGlass = glassReason(options)
  const client = openClient(terminal)
  const gate = await gateToDecide(terminal, client, id, options, 'Approve')
  const decided = await client.decide(id, {
    gate: gate.id,
    proposalDigest: gate.proposalDigest,
    decision: 'approve',
    targets,
    comment,
    breakGlass,
  })
  if (json) printJson(terminal, decided)
  const { state, approvals, required } = decided
  const follow = options.watch ? '' : `; follow it with "runbook watch ${id}"`
  if (state === 'open')
    terminal.say(`${gate.id}: your approval is kept (${approvals} of ${required}); ${required - approvals} more needed`)
  else terminal.say(`${gate.id} ${state} (${approvals} of ${required})${follow}`)
  if (options.watch) throw new Exit(await watch(terminal, client, id, json))
  if (state === 'open') throw new Exit(STILL_WAITING)
}
