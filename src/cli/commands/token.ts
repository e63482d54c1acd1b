import { Command } from 'commander'
import { editConfig } from '../../config/edit-config.ts'
import { RunbookError } from '../../core/errors.ts'
import { printJson, printLines, wantsJson } from '../output.ts'
import { findPerson, newToken, readPeople, tokenState } from '../people-file.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook token`: the tokens with which people use the API. Each person has one at most. Needs no server. */
export function command(terminal: Terminal): Command {
  const token = new Command('token')
    .description(
      'List, create and revoke the tokens with which people use the API. A person has one token at most. The configuration holds only its hash.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  runbook token list\n  runbook token create ana\n  runbook token create ana --replace\n  runbook token revoke ana',
    )
  token
    .command('list')
    .summary('list who has a token')
    .description('List the people with the beginning of the hash of their token, or the variable that it is in.')
    .action((_: object, self: Command) => {
      const people = Object.entries(readPeople(terminal).people)
      if (wantsJson(self))
        return printJson(
          terminal,
          people.map(([person, entry]) => ({ person, token: tokenState(entry) })),
        )
      printLines(
        terminal,
        people.map(([name, entry]) => `${name}  ${tokenState(entry)}`),
      )
    })
  token
    .command('create <person>')
    .summary('create a token, and print it')
    .description('Create a token for a person, and print it. Only its hash is stored: it cannot be shown again.')
    .option('--replace', 'revoke the token that the person has')
    .action((name: string, { replace }: { replace?: true }, self: Command) => {
      const { file, person } = findPerson(terminal, name)
      const { tokenReference: reference } = person
      if (reference !== undefined)
        throw new RunbookError(
          'RUNBOOK_CONFLICT',
          `the token of ${name} is ${reference} in ${file}: change the variable, or run "runbook token revoke ${name}" first, so that the file holds a hash instead.`,
        )
      if (person.tokenHash !== undefined && !replace)
        throw new RunbookError('RUNBOOK_CONFLICT', `${name} has a token already: --replace revokes it.`)
      const made = newToken()
      editConfig(file, [{ path: ['people', name, 'token'], value: made.hash }], terminal.env)
      if (wantsJson(self)) printJson(terminal, { person: name, token: made.token })
      else terminal.print(made.token)
      terminal.log(
        `the new token of ${name} is above, for RUNBOOK_TOKEN: it cannot be shown again${replace ? '. The former one is refused from now on' : ''}`,
      )
    })
  token
    .command('revoke <person>')
    .summary('revoke the token of a person')
    .description(
      'Revoke the token of a person: the API refuses it from then on. What the person approved before still counts; "runbook people remove" ends that too.',
    )
    .action((name: string) => {
      const { file, person } = findPerson(terminal, name)
      if (person.tokenHash === undefined && person.tokenReference === undefined)
        return terminal.log(`${name} has no token`)
      editConfig(file, [{ path: ['people', name, 'token'] }], terminal.env)
      terminal.log(`the token of ${name} was removed from ${file}`)
    })
  return token
}
