import { Command } from 'commander'
import { editConfig } from '../../config/edit-config.ts'
import { RunbookError } from '../../core/errors.ts'
import { defined } from '../../core/defined.ts'
import { findPerson, newToken, readPeople, tokenState } from '../people-file.ts'
import { printJson, printLines, wantsJson } from '../output.ts'
import { plural } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

interface AddOptions {
  group?: string[]
  email?: string[]
  key?: string[]
  login?: string
  token: boolean
}

const collect = (value: string, earlier: string[] = []) => [...earlier, value]

/** `runbook people`: the people of the configuration. Needs no server. */
export function command(terminal: Terminal): Command {
  const people = new Command('people')
    .description(
      'List, add and remove the people of runbook.config.yaml. Comments are kept. The API and the workers use the change without a restart.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  runbook people list\n  runbook people add ana --group oncall --email ana@example.com\n  runbook people add ana --group oncall --no-token --login ana@idp.example\n  runbook people remove ana',
    )
  people
    .command('list')
    .summary('list people, their groups and how they log in')
    .description('List people with their groups, tokens and registered keys.')
    .action((_: object, self: Command) => {
      const { people: all } = readPeople(terminal)
      const entries = Object.entries(all)
      if (wantsJson(self))
        return printJson(
          terminal,
          entries.map(([name, person]) => {
            const { groups, emails, keys, login } = person
            return defined({ name, groups, emails, token: tokenState(person), keys, login })
          }),
        )
      if (entries.length === 0) return terminal.log('there are no people yet: "runbook people add" adds one')
      printLines(
        terminal,
        entries.map(
          ([name, person]) =>
            `${name}  ${person.groups.join(', ') || '(no groups)'}  token: ${tokenState(person)}${person.keys.length > 0 ? `, ${plural(person.keys.length, 'key')}` : ''}`,
        ),
      )
    })
  people
    .command('add <name>')
    .summary('add a person, and print their token')
    .description(
      'Add a person to runbook.config.yaml, and print a new token for them. The file holds only the hash of the token: it cannot be shown again.',
    )
    .option('-g, --group <group>', 'a group of this person; repeat it for more', collect)
    .option('--email <address>', 'the address by which git names this person as an author; repeat it for more', collect)
    .option('--key <key>', 'a public key for "runbook sign", as "runbook key create" prints it', collect)
    .option('--login <name>', 'the name at the identity provider, if it is different')
    .option('--no-token', 'without a token, such as for people who log in through an identity provider')
    .action((name: string, options: AddOptions, self: Command) => {
      const config = readPeople(terminal)
      if (Object.hasOwn(config.people, name))
        throw new RunbookError('RUNBOOK_BAD_INPUT', `${name} is already in ${config.file}. Change the entry there.`)
      const made = options.token ? newToken() : undefined
      const { group: groups = [], email: emails, key: keys, login } = options
      const value = defined({ token: made?.hash, groups, emails, keys, login })
      editConfig(config.file, [{ path: ['people', name], value }], terminal.env)
      if (wantsJson(self)) printJson(terminal, defined({ person: name, token: made?.token }))
      else if (made) terminal.print(made.token)
      const hint = made ? `. Give them the token above for RUNBOOK_TOKEN: it cannot be shown again` : ''
      terminal.log(`${name} was added to ${config.file}${hint}`)
    })
  people
    .command('remove <name>')
    .summary('remove a person')
    .description(
      'Remove a person from runbook.config.yaml. Their token is refused from then on, and their approvals of remedies that were not applied yet no longer count.',
    )
    .action((name: string) => {
      const { file } = findPerson(terminal, name)
      editConfig(file, [{ path: ['people', name] }], terminal.env)
      terminal.log(`${name} was removed from ${file}`)
    })
  return people
}
