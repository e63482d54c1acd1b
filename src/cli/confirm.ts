import type { GateView } from '../engine/views.ts'
import { Exit } from './command.ts'
import { pageOf } from './output.ts'
import { plain } from './render/layout.ts'
import { proposalInFull, targetsInWords } from './render/proposal.ts'
import type { Terminal } from './terminal.ts'

/** Shows the whole proposal and asks. Anything but yes decides nothing. */
export async function confirm(
  terminal: Terminal,
  gate: GateView,
  targets: string[] | undefined,
  verb: string,
): Promise<void> {
  terminal.say(proposalInFull(gate, pageOf(terminal)).join('\n'))
  const keys = targets ?? gate.proposal.targets.map((target) => target.key)
  const answer = await terminal.ask(`\n${plain(gate.proposal.title)}?\n${verb} ${plain(targetsInWords(keys))} [y/N] `)
  if (answer !== null && /^y(es)?$/i.test(answer.trim())) return
  terminal.say('nothing was decided')
  throw new Exit(1)
}
