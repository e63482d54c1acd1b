import type { CommandModule } from './command.ts'

export interface Verb {
  name: string
  group: 'Incidents:' | 'Decide:' | 'Author runbooks:' | 'Run it:'
  /** What the list of commands says of it. */
  summary: string
  /** Its arguments, for the list of commands. */
  usage: string
  /** Its data can be had as JSON. */
  json: boolean
  load(): Promise<CommandModule>
}

/** Every verb of `runbook`. A verb's module is imported when it is used, so that the others cost nothing. */
export const VERBS: readonly Verb[] = [
  {
    name: 'up',
    group: 'Run it:',
    summary: 'start everything on this machine',
    usage: '',
    json: false,
    load: () => import('./commands/up.ts'),
  },
  {
    name: 'doctor',
    group: 'Run it:',
    summary: 'what is there, what is missing, and what to do',
    usage: '',
    json: true,
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'serve',
    group: 'Run it:',
    summary: 'serve the HTTP API',
    usage: '',
    json: false,
    load: () => import('./commands/serve.ts'),
  },
  {
    name: 'worker',
    group: 'Run it:',
    summary: 'run incidents',
    usage: '',
    json: false,
    load: () => import('./commands/worker.ts'),
  },
  {
    name: 'migrate',
    group: 'Run it:',
    summary: "bring the engine's database up to date",
    usage: '',
    json: false,
    load: () => import('./commands/migrate.ts'),
  },
  {
    name: 'connection',
    group: 'Run it:',
    summary: 'prepare the credentials of a diagnosed system',
    usage: 'prepare <name>',
    json: false,
    load: () => import('./commands/connection.ts'),
  },
  {
    name: 'freeze',
    group: 'Run it:',
    summary: 'stop every remedy at once',
    usage: '--reason ...',
    json: true,
    load: () => import('./commands/freeze.ts'),
  },
  {
    name: 'unfreeze',
    group: 'Run it:',
    summary: 'let remedies be applied again',
    usage: '--reason ...',
    json: true,
    load: () => import('./commands/unfreeze.ts'),
  },
  {
    name: 'breaker',
    group: 'Run it:',
    summary: 'what stops remedies on a connection; close it',
    usage: 'list|close',
    json: true,
    load: () => import('./commands/breaker.ts'),
  },
  {
    name: 'trigger',
    group: 'Incidents:',
    summary: 'open an incident, or join the one that is open',
    usage: '<incident-type>',
    json: true,
    load: () => import('./commands/trigger.ts'),
  },
  {
    name: 'list',
    group: 'Incidents:',
    summary: 'incidents, newest first',
    usage: '',
    json: true,
    load: () => import('./commands/list.ts'),
  },
  {
    name: 'show',
    group: 'Incidents:',
    summary: 'one incident on one screen',
    usage: '<incident>',
    json: true,
    load: () => import('./commands/show.ts'),
  },
  {
    name: 'watch',
    group: 'Incidents:',
    summary: 'follow an incident to its end',
    usage: '<incident>',
    json: true,
    load: () => import('./commands/watch.ts'),
  },
  {
    name: 'review',
    group: 'Incidents:',
    summary: 'everything that happened, who decided what on which evidence',
    usage: '<incident>',
    json: true,
    load: () => import('./commands/review.ts'),
  },
  {
    name: 'approve',
    group: 'Decide:',
    summary: 'approve the proposal that waits at the gate',
    usage: '<incident>',
    json: true,
    load: () => import('./commands/approve.ts'),
  },
  {
    name: 'reject',
    group: 'Decide:',
    summary: 'reject it, or ask for the next cause',
    usage: '<incident>',
    json: true,
    load: () => import('./commands/reject.ts'),
  },
  {
    name: 'ack',
    group: 'Decide:',
    summary: 'say that you have seen it',
    usage: '<incident>',
    json: true,
    load: () => import('./commands/ack.ts'),
  },
  {
    name: 'claim',
    group: 'Decide:',
    summary: 'say that you look after it',
    usage: '<incident>',
    json: true,
    load: () => import('./commands/claim.ts'),
  },
  {
    name: 'note',
    group: 'Decide:',
    summary: 'add a note to its history',
    usage: '<incident> <text>',
    json: true,
    load: () => import('./commands/note.ts'),
  },
  {
    name: 'cancel',
    group: 'Decide:',
    summary: 'end it; what was applied stays applied',
    usage: '<incident>',
    json: true,
    load: () => import('./commands/cancel.ts'),
  },
  {
    name: 'lint',
    group: 'Author runbooks:',
    summary: 'check runbooks, without a server',
    usage: '[paths...]',
    json: true,
    load: () => import('./commands/lint.ts'),
  },
  {
    name: 'test',
    group: 'Author runbooks:',
    summary: 'run the scenarios beside runbooks, without a server',
    usage: '[paths...]',
    json: true,
    load: () => import('./commands/test.ts'),
  },
  {
    name: 'explain',
    group: 'Author runbooks:',
    summary: 'what a kind, a section or a rule means',
    usage: '[name]',
    json: false,
    load: () => import('./commands/explain.ts'),
  },
  {
    name: 'schema',
    group: 'Author runbooks:',
    summary: 'the JSON Schema of runbooks, for editors',
    usage: '',
    json: false,
    load: () => import('./commands/schema.ts'),
  },
]
