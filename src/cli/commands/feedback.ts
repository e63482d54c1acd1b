import { Argument, Command } from 'commander'
import { defined } from '../../core/defined.ts'
import { HELPED, type Helped } from '../../core/follow-up.ts'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('feedback')
    .description('Answer whether the runbook helped in an incident. Your last answer counts. Reviews show the answers.')
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .addArgument(new Argument('<helped>', 'whether the runbook found the cause and helped').choices(HELPED))
    .option('-c, --comment <text>', 'what was right or wrong')
    .addHelpText(
      'after',
      '\nExamples:\n  runbook feedback 142 yes\n  runbook feedback 142 partly --comment "the cause was right; two runs had to be restarted by hand"',
    )
    .action(async (id: string, helped: Helped, { comment }: { comment?: string }, self: Command) => {
      const answers = await openClient(terminal).feedback(id, defined({ helped, comment }))
      if (wantsJson(self)) printJson(terminal, answers)
      terminal.log(`your answer about ${id} is recorded: ${helped}`)
    })
}
