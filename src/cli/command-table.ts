import type { ListedCommand } from './command.ts'

type Group = 'Run the engine:' | 'Incidents:' | 'Act on an incident:' | 'Write runbooks:'

export interface CommandEntry extends ListedCommand {
  group: Group
  usage: string
}

/** The commands by group. The module of a command is imported only when the command is used, which keeps start-up short. */
const GROUPS: Record<Group, ListedCommand[]> = {
  'Run the engine:': [
    { name: 'up', summary: 'start everything on this machine', load: () => import('./commands/up.ts') },
    {
      name: 'doctor',
      summary: 'check this installation and say what to fix',
      json: true,
      load: () => import('./commands/doctor.ts'),
    },
    { name: 'serve', summary: 'run the HTTP API and the pages', load: () => import('./commands/serve.ts') },
    { name: 'worker', summary: 'run the worker, which runs incidents', load: () => import('./commands/worker.ts') },
    {
      name: 'migrate',
      summary: "update the schema of the engine's database",
      load: () => import('./commands/migrate.ts'),
    },
    {
      name: 'connection',
      summary: 'create the credentials for a diagnosed system',
      usage: 'prepare <name>',
      load: () => import('./commands/connection.ts'),
    },
    {
      name: 'freeze',
      summary: 'stop applying remedies, everywhere',
      usage: '--reason ...',
      json: true,
      load: () => import('./commands/freeze.ts'),
    },
    {
      name: 'unfreeze',
      summary: 'allow remedies again',
      usage: '--reason ...',
      json: true,
      load: () => import('./commands/unfreeze.ts'),
    },
    {
      name: 'breaker',
      summary: 'show or close the breakers that block remedies',
      usage: 'list|close',
      json: true,
      load: () => import('./commands/breaker.ts'),
    },
    {
      name: 'alerts',
      summary: 'show what the alerts of monitoring systems led to',
      usage: 'unmatched|explain',
      json: true,
      load: () => import('./commands/alerts.ts'),
    },
    {
      name: 'detect',
      summary: 'show and pause what the engine detects by itself',
      usage: 'list|report|pause|resume',
      json: true,
      load: () => import('./commands/detect.ts'),
    },
    {
      name: 'maintenance',
      summary: 'start, end and list times in which alerts and detection open nothing',
      usage: 'start|list|end',
      json: true,
      load: () => import('./commands/maintenance.ts'),
    },
    {
      name: 'audit',
      summary: 'check the history for changed or removed records',
      usage: 'verify|checkpoint',
      json: true,
      load: () => import('./commands/audit.ts'),
    },
    {
      name: 'people',
      summary: 'list, add and remove the people who may decide',
      usage: 'list|add|remove',
      json: true,
      load: () => import('./commands/people.ts'),
    },
    {
      name: 'token',
      summary: 'list, create and revoke the tokens of people',
      usage: 'list|create|revoke',
      json: true,
      load: () => import('./commands/token.ts'),
    },
    {
      name: 'key',
      summary: 'create and rotate the keys that sign decisions',
      usage: 'create|rotate',
      load: () => import('./commands/key.ts'),
    },
  ],
  'Incidents:': [
    {
      name: 'trigger',
      summary: 'open an incident, or join the open one with the same key',
      usage: '<incident-type>',
      json: true,
      load: () => import('./commands/trigger.ts'),
    },
    { name: 'list', summary: 'list incidents, newest first', json: true, load: () => import('./commands/list.ts') },
    {
      name: 'show',
      summary: 'show one incident on one screen',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/show.ts'),
    },
    {
      name: 'watch',
      summary: 'follow an incident until it is closed',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/watch.ts'),
    },
    {
      name: 'review',
      summary: 'print the full report of an incident',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/review.ts'),
    },
    {
      name: 'insights',
      summary: 'show how long incidents took, what was rejected and what did not help',
      json: true,
      load: () => import('./commands/insights.ts'),
    },
    {
      name: 'sign-in',
      summary: 'print a link that signs you in to the pages',
      json: true,
      load: () => import('./commands/sign-in.ts'),
    },
  ],
  'Act on an incident:': [
    {
      name: 'approve',
      summary: 'approve the open proposal',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/approve.ts'),
    },
    {
      name: 'reject',
      summary: 'reject the open proposal',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/reject.ts'),
    },
    {
      name: 'withdraw',
      summary: 'withdraw your own decision',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/withdraw.ts'),
    },
    {
      name: 'sign',
      summary: 'sign a decision with your own key, for use without the API',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/sign.ts'),
    },
    {
      name: 'ack',
      summary: 'acknowledge: you have seen it',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/ack.ts'),
    },
    {
      name: 'claim',
      summary: 'claim: mark yourself as responsible',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/claim.ts'),
    },
    {
      name: 'note',
      summary: 'add a note',
      usage: '<incident> <text>',
      json: true,
      load: () => import('./commands/note.ts'),
    },
    {
      name: 'follow-up',
      summary: 'list, add and close what remains to be done',
      json: true,
      load: () => import('./commands/follow-up.ts'),
    },
    {
      name: 'feedback',
      summary: 'answer whether the runbook helped',
      usage: '<incident> <yes|partly|no>',
      json: true,
      load: () => import('./commands/feedback.ts'),
    },
    {
      name: 'cancel',
      summary: 'cancel the incident; applied effects are kept',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/cancel.ts'),
    },
    {
      name: 'done',
      summary: 'report that a manual step is done',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/done.ts'),
    },
    {
      name: 'settle',
      summary: 'record the real result of an effect that is unknown',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/settle.ts'),
    },
    {
      name: 'retry',
      summary: 'open a linked incident that diagnoses again',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/retry.ts'),
    },
    {
      name: 'undo',
      summary: 'propose to undo what a closed incident applied',
      usage: '<incident>',
      json: true,
      load: () => import('./commands/undo.ts'),
    },
  ],
  'Write runbooks:': [
    {
      name: 'init',
      summary: 'write the files of a new project',
      usage: '[folder]',
      json: true,
      load: () => import('./commands/init.ts'),
    },
    {
      name: 'lint',
      summary: 'check runbooks; needs no server',
      usage: '[paths...]',
      json: true,
      load: () => import('./commands/lint.ts'),
    },
    {
      name: 'preview',
      summary: 'show what a runbook would do now; changes nothing',
      usage: '<incident-type>',
      json: true,
      load: () => import('./commands/preview.ts'),
    },
    {
      name: 'test',
      summary: 'run the scenarios of runbooks; needs no server',
      usage: '[paths...]',
      json: true,
      load: () => import('./commands/test.ts'),
    },
    {
      name: 'versions',
      summary: 'list and compare the versions of a runbook',
      usage: '<runbook>',
      json: true,
      load: () => import('./commands/versions.ts'),
    },
    {
      name: 'explain',
      summary: 'explain a kind, a section, a field or a lint rule',
      usage: '[name]',
      load: () => import('./commands/explain.ts'),
    },
    {
      name: 'schema',
      summary: 'print the JSON Schema of runbooks, for editors',
      load: () => import('./commands/schema.ts'),
    },
  ],
}

/** Every command of `runbook`, in the order of the list of commands. */
export const COMMANDS: readonly CommandEntry[] = (Object.keys(GROUPS) as Group[]).flatMap((group) =>
  GROUPS[group].map((listed) => ({ usage: '', ...listed, group })),
)
