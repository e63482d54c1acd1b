import { OUTCOMES } from '../../core/incident.ts'
import type { ScenarioSection, SectionFields } from './form.ts'

const DECISIONS = ['approve', 'reject', 'next-cause', 'timeout', 'cancel', 'withdraw', 'lapse'] as const
export const RESULTS = ['applied', 'skipped', 'refused', 'unknown'] as const

/** The expectations of one round. */
const ROUND_FIELDS: SectionFields['fields'] = {
  causes: {
    form: 'verdicts',
    doc: 'Cause → true, false or undetermined. Causes that are not listed can have any value.',
  },
  cause: { form: { nameOr: ['none'] }, doc: 'The cause that is treated; `none` if nothing is proposed.' },
  because: { form: 'string', doc: 'A part of the `because` sentence of that cause.' },
  proposal: { form: { words: ['none'], section: 'proposal' }, doc: 'The proposal; `none` if nothing is proposed.' },
  effects: {
    form: 'effects',
    doc: 'Target → applied, skipped, refused or unknown, for all targets. `{}` if nothing was changed.',
  },
  verified: { form: 'bool', doc: 'Whether the verification of the remedy succeeded.' },
}

/** The fields of a file with scenarios (`stuck-runs.test.yaml` beside `stuck-runs.yaml`). */
export const SCENARIO_SECTIONS: Record<ScenarioSection, SectionFields> = {
  scenarios: {
    doc: 'Scenarios of the runbook next to this file: what the checks find, what people decide, and the expected outcome.',
    fields: {
      version: { form: { int: { min: 1, max: 1 } }, required: true, doc: 'The version of the scenario format: 1.' },
      given: {
        form: { section: 'given' },
        doc: 'Check results and inputs for every scenario. A scenario can replace single fields.',
      },
      scenarios: { form: { listOf: 'scenario' }, required: true, doc: 'The scenarios.' },
    },
  },
  scenario: {
    doc: 'One incident, from its first checks to its end.',
    fields: {
      scenario: { form: 'string', required: true, doc: 'What happens, in one line.' },
      given: { form: { section: 'given' }, doc: 'The check results and inputs of this scenario.' },
      decisions: {
        form: { listOf: 'decision', orWords: DECISIONS },
        doc: 'What happens at each gate, in order: `approve`, `reject`, `next-cause`, `timeout`, `cancel`, `withdraw`, `lapse`, or fields.',
        default: 'every gate is approved immediately',
      },
      effects: {
        form: { listOf: 'effect' },
        doc: 'The effects of actions.',
        default: 'every action is applied',
      },
      expect: { form: { section: 'expectation' }, required: true, doc: 'The expected outcome.' },
    },
  },
  given: {
    doc: 'The inputs and the results of the checks.',
    fields: {
      inputs: { form: 'values', doc: 'The inputs with which the incident is opened.' },
      checks: {
        form: 'results',
        doc: "By the name of a check, its result; `failed` or `timeout`; or a list of phases. A result's fields replace those given for all scenarios; fields that are given nowhere have the values of a healthy system, if the kind of the check knows them: `{}` is an idle queue, a service that answers, or a result without rows. If two remedies have a check of the same name, write `<remedy>/<check>`.",
      },
      rows: { form: 'values', doc: 'By the name of a check, the default values for the fields of its rows.' },
    },
  },
  phase: {
    doc: 'The result of a check from some moment on. The last phase that has started counts; before the first one, the check fails.',
    fields: {
      from: {
        form: { oneOf: ['opened', 'proposed', 'stale', 'applied', 'waiting', 'verifying'] },
        doc: 'The phase starts when the incident is opened, when a remedy is proposed (a change between proposal and decision), when a re-check is too old (`stale` of an effect: a change between the re-check and the write), when a remedy is applied, when the `wait` of an action begins, or when `verify` begins.',
        default: '`opened`',
      },
      remedy: {
        form: 'name',
        doc: 'The phase starts only when this happens to this remedy. Ignored with `from: opened`.',
      },
      action: {
        form: 'string',
        doc: 'With `waiting`: only for the `wait` of this action. It is the kind of the action, such as `sql.update`, or its number and kind, such as `1-sql.update`.',
      },
      round: {
        form: { int: { min: 1, max: 20 } },
        doc: 'With `opened`: the phase starts with the checks of this round. With the other values of `from`: only in this round.',
      },
      after: { form: 'duration', doc: 'How long after that moment the phase starts.', default: 'at once' },
      result: { form: 'values', doc: 'The result in this phase.' },
      failed: { form: 'string', doc: 'Instead of a result: why the check fails in this phase.' },
    },
  },
  decision: {
    doc: 'What happens at one gate.',
    fields: {
      decision: {
        form: { oneOf: DECISIONS },
        required: true,
        doc: '`approve`, `reject`, `next-cause`, `timeout` (nobody decides), `cancel` (of the incident), `withdraw` (the approval is withdrawn before anything is applied) or `lapse` (nothing is applied while the approval is valid).',
      },
      targets: { form: { list: 'data' }, doc: 'With `approve`: only these targets, by their keys.' },
      after: { form: 'duration', doc: 'A delay after the gate opens.', default: 'at once' },
    },
  },
  effect: {
    doc: 'The effect of an action, if it is not simply applied.',
    fields: {
      action: {
        form: 'string',
        doc: 'Only for actions of this kind, such as `sql.update`, or only for the action with this number (from 0) and kind, such as `1-sql.update`.',
      },
      target: { form: 'string', doc: 'Only for the target with this key.' },
      round: { form: { int: { min: 1, max: 20 } }, doc: 'Only in this round.' },
      result: {
        form: { oneOf: [...RESULTS, 'timeout'] },
        doc: 'The result of the effect. `timeout`: nobody reports a manual step as done in time.',
        default: '`applied`',
      },
      stale: {
        form: { int: { min: 1, max: 10 } },
        doc: 'How often the re-check is too old when the action is about to be applied to a target. Each time, the checks of the cause run again before the action; after five times in a row without an effect the remedy stops.',
      },
      observed: { form: 'values', doc: 'The result that the action returns; `expect` of the runbook reads it.' },
    },
  },
  expectation: {
    doc: 'The expected outcome. The fields of a round are about the first round.',
    fields: {
      outcome: { form: { oneOf: OUTCOMES }, required: true, doc: 'How the incident ends.' },
      reason: { form: 'string', doc: 'Text that the reason for the outcome must contain.' },
      message: { form: 'string', doc: 'Text that the message to `escalate.to` must contain.' },
      rounds: { form: { int: { min: 1, max: 20 } }, doc: 'The number of rounds.' },
      ...ROUND_FIELDS,
      then: { form: { listOf: 'round' }, doc: 'The expectations of the second round, the third, and so on.' },
    },
  },
  round: { doc: 'The expectations of one round.', fields: ROUND_FIELDS },
  proposal: {
    doc: 'The expected proposal.',
    fields: {
      remedy: { form: 'name', required: true, doc: "The remedy's name." },
      targets: { form: { list: 'data' }, doc: 'The keys of all its targets, in order.' },
      affected: { form: { int: { min: 0, max: 1_000_000 } }, doc: 'The number of items that the cause affects.' },
      actions: {
        form: { listOf: 'proposed' },
        doc: 'Actions that must be in the proposal. List only the parameters that matter.',
      },
    },
  },
  proposed: {
    doc: 'An action of the proposal, with its final values.',
    fields: {
      action: { form: 'string', required: true, doc: 'The kind of the action, such as `sql.update`.' },
      target: { form: 'string', doc: "The key of the action's target." },
      with: { form: 'values', doc: 'Parameters that the action must have. It can have others too.' },
    },
  },
}
