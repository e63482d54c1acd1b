import type { ScenarioSection, SectionFields } from './form.ts'

const DECISIONS = ['approve', 'reject', 'next-cause', 'timeout', 'cancel'] as const
export const RESULTS = ['applied', 'skipped', 'refused', 'unknown'] as const
const OUTCOMES = [
  'resolved',
  'cleared',
  'no-action',
  'declined',
  'expired',
  'escalated',
  'handed-off',
  'failed',
  'cancelled',
] as const

/** What is expected of one round. */
const OF_A_ROUND: SectionFields['fields'] = {
  causes: {
    form: 'verdicts',
    doc: 'Cause → true, false or undetermined. Causes that are not named may be anything.',
  },
  cause: { form: { nameOr: ['none'] }, doc: 'The cause that is treated; `none`: nothing is proposed.' },
  because: { form: 'text', doc: 'A part of the sentence that gives the evidence for it.' },
  proposal: { form: { words: ['none'], section: 'proposal' }, doc: 'What is proposed; `none`: nothing is.' },
  effects: {
    form: 'fates',
    doc: 'Target → applied, skipped, refused or unknown; all of them. `{}`: nothing was touched.',
  },
  verified: { form: 'bool', doc: 'Whether things were seen to be healthy after the remedy.' },
}

/** The fields of a file with scenarios (`stuck-runs.test.yaml` beside `stuck-runs.yaml`). */
export const SCENARIO_SECTIONS: Record<ScenarioSection, SectionFields> = {
  scenarios: {
    doc: 'Scenarios of the runbook beside this file: what is found and decided, and what must come of it.',
    fields: {
      version: { form: { int: { min: 1, max: 1 } }, required: true, doc: 'The version of the form: 1.' },
      given: { form: { section: 'given' }, doc: 'What holds in every scenario that does not say otherwise.' },
      scenarios: { form: { listOf: 'scenario' }, required: true, doc: 'The scenarios.' },
    },
  },
  scenario: {
    doc: 'One incident, from its first look to its end.',
    fields: {
      scenario: { form: 'text', required: true, doc: 'What happens, in one line.' },
      given: { form: { section: 'given' }, doc: 'What is found.' },
      decisions: {
        form: { listOf: 'decision', orWords: DECISIONS },
        doc: 'What becomes of each gate, in order: `approve`, `reject`, `next-cause`, `timeout`, `cancel`, or fields.',
        otherwise: 'every gate is approved at once',
      },
      effects: {
        form: { listOf: 'effect' },
        doc: 'What actions do.',
        otherwise: 'each is applied',
      },
      expect: { form: { section: 'expectation' }, required: true, doc: 'What must come of it.' },
    },
  },
  given: {
    doc: 'What the checks find.',
    fields: {
      inputs: { form: 'values', doc: 'The inputs with which the incident was opened.' },
      checks: {
        form: 'results',
        doc: "Check → its result; `failed` or `timeout`; or a list of phases. A result's fields replace those given for all scenarios. A check of a remedy that has another of the same name is `<remedy>/<check>`.",
      },
      rows: { form: 'values', doc: 'Check → what each of its rows holds where it says nothing else.' },
    },
  },
  phase: {
    doc: 'What a check finds from some moment on. The last phase that has begun counts; before the first one the check fails.',
    fields: {
      from: {
        form: { oneOf: ['opened', 'proposed', 'applied'] },
        doc: 'Since the incident was opened; since a remedy was proposed (a change between proposal and decision); or since one was applied.',
        otherwise: '`opened`',
      },
      remedy: { form: 'name', doc: 'With `proposed` or `applied`: of this remedy only.' },
      round: {
        form: { int: { min: 1, max: 20 } },
        doc: 'With `opened`: since this round began to look. With the others: in this round only.',
      },
      after: { form: 'duration', doc: 'So long after that.', otherwise: 'at once' },
      result: { form: 'values', doc: 'What is found then.' },
      failed: { form: 'text', doc: 'Or: why the check fails then.' },
    },
  },
  decision: {
    doc: 'What becomes of one gate.',
    fields: {
      decision: { form: { oneOf: DECISIONS }, required: true, doc: 'approve, reject, next-cause, timeout or cancel.' },
      targets: { form: { list: 'data' }, doc: 'With `approve`: these targets only, by their keys.' },
      after: { form: 'duration', doc: 'So long after the gate was opened.', otherwise: 'at once' },
    },
  },
  effect: {
    doc: 'What an action does, other than being applied.',
    fields: {
      action: { form: 'text', doc: 'Of this kind only, such as `sql.update`.' },
      target: { form: 'text', doc: 'To the target of this key only.' },
      round: { form: { int: { min: 1, max: 20 } }, doc: 'In this round only.' },
      result: { form: { oneOf: RESULTS }, doc: 'What it comes to.', otherwise: '`applied`' },
      observed: { form: 'values', doc: 'What the action returns: what `expect` of the runbook sees.' },
    },
  },
  expectation: {
    doc: 'What must come of it. Fields of a round concern the first one.',
    fields: {
      outcome: { form: { oneOf: OUTCOMES }, required: true, doc: 'How the incident ends.' },
      reason: { form: 'text', doc: 'A part of the reason that is given.' },
      message: { form: 'text', doc: 'A part of what is told to those in `escalate`.' },
      rounds: { form: { int: { min: 1, max: 20 } }, doc: 'How many rounds there are.' },
      ...OF_A_ROUND,
      then: { form: { listOf: 'round' }, doc: 'What is expected of the second round, the third …' },
    },
  },
  round: { doc: 'What is expected of one round.', fields: OF_A_ROUND },
  proposal: {
    doc: 'What is proposed.',
    fields: {
      remedy: { form: 'name', required: true, doc: "The remedy's name." },
      targets: { form: { list: 'data' }, doc: 'The keys of all its targets, in order.' },
      affected: { form: { int: { min: 0, max: 1_000_000 } }, doc: 'How many things the cause affects.' },
      actions: {
        form: { listOf: 'proposed' },
        doc: 'Actions that must be among those proposed, with the values that matter.',
      },
    },
  },
  proposed: {
    doc: 'An action as it is rendered.',
    fields: {
      action: { form: 'text', required: true, doc: 'Its kind, such as `sql.update`.' },
      target: { form: 'text', doc: 'The key of its target.' },
      with: { form: 'values', doc: 'Parameters that it must have; others may be there too.' },
    },
  },
}
