import { Command } from 'commander'
import { readAddress } from '../address.ts'
import { printJson, wantsJson } from '../output.ts'
import { createSignInLink } from '../sign-in-link.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('sign-in')
    .description(
      'Print a link that signs you in to the pages once, within 10 minutes. Open it yourself: a person who has it can act as you.',
    )
    .addHelpText('after', '\nExample:\n  runbook sign-in')
    .action(async (_options: object, self: Command) => {
      const link = await createSignInLink(readAddress(terminal.cwd, terminal.env))
      if (wantsJson(self)) return printJson(terminal, link)
      terminal.print(link.url)
    })
}
