import { STRENGTHS } from '../../core/strength.ts'
import type { SectionFields } from './form.ts'

const RISKS = ['low', 'medium', 'high'] as const
const COUNT = { int: { min: 1, max: 1_000_000 } } as const

/** What `verify` and `wait` read in each sample. */
const SAMPLED_CHECKS = {
  again: {
    form: { names: 'identifier' },
    doc: 'Checks of `diagnose` to run again in each sample, with all the checks that they need. `until` reads them by their names.',
  },
  checks: {
    form: { named: 'check', by: 'identifier' },
    doc: 'Further checks for each sample; their parameters may use `targets`.',
  },
} as const

/** The fields of a remedy and of the sections in it. */
export const REMEDY_SECTIONS = {
  remedy: {
    doc: 'What to do about a cause. Nothing is applied before a person has approved exactly these actions.',
    fields: {
      title: {
        form: 'string',
        required: true,
        doc: 'What the remedy does, in one line. It is the label of the approve button.',
      },
      risk: {
        form: { oneOf: RISKS },
        doc: 'With `high`, the person who opened the incident cannot approve the remedy.',
        default: '`medium`',
      },
      for: {
        form: 'identifier',
        doc: 'Apply the remedy to each item that the cause affects. The fields below read the item by this name.',
        default: 'applied once, for the whole incident',
      },
      key: { form: 'template', doc: "Required with `for`: the target's name in the proposal and the history." },
      lock: {
        form: 'template',
        doc: 'A lock name, such as `run/${{ run.id }}`. Two remedies with the same lock never run at the same time.',
      },
      do: {
        form: { listOf: 'action' },
        required: true,
        doc: 'The actions, in order. Each is applied to all targets before the next one starts.',
      },
      limits: {
        form: { section: 'limits' },
        doc: 'How much the remedy may change. Required with `for` and with `approval: auto`.',
      },
      approval: { form: { words: ['auto'], section: 'approval' }, doc: 'Who must approve. Required for every write.' },
      verify: {
        form: { section: 'verify' },
        doc: 'How to check that the system is healthy again. Required for every write.',
      },
    },
  },
  action: {
    doc: 'One write, message or manual step.',
    fields: {
      action: { form: 'string', required: true, doc: 'The kind, such as `sql.update`.' },
      with: { form: 'values', doc: "The kind's parameters." },
      once: { form: 'bool', doc: 'Apply the action once for the remedy, not for each target.', default: 'false' },
      if: { form: 'condition', doc: 'Apply the action only if this is true for the results of the diagnosis.' },
      timeout: {
        form: 'duration',
        doc: 'If the action takes longer, its effect counts as unknown.',
        default: 'the time limit of the kind',
      },
      expect: {
        form: 'condition',
        doc: 'A condition on `result`, the result of the action. If it is false, the effect counts as refused.',
      },
      wait: { form: { section: 'wait' }, doc: 'A condition to wait for before the next action.' },
      batches: { form: { section: 'batches' }, doc: 'Apply the action to a few targets at a time.' },
    },
  },
  limits: {
    doc: 'How much a remedy may change.',
    fields: {
      maxTargets: {
        form: { int: { min: 1, max: 200 } },
        doc: 'Targets per round. Further targets wait for the next round.',
        default: '20',
      },
      perHour: { form: COUNT, doc: 'Targets per hour, counted over all incidents.' },
      cooldown: { form: 'duration', doc: 'How long before the remedy may be applied to the same target again.' },
    },
  },
  approval: {
    doc: 'Who decides, and within what time.',
    fields: {
      by: { form: { names: 'name' }, required: true, doc: 'The groups whose members may decide.' },
      count: { form: { int: { min: 1, max: 5 } }, doc: 'How many different people must approve.', default: '1' },
      within: { form: 'duration', required: true, doc: 'How long the proposal waits for an answer.' },
      onTimeout: {
        form: { oneOf: ['escalate', 'reject'] },
        doc: 'What to do if nobody answers. The proposal is never approved.',
        default: '`escalate`',
      },
      strength: {
        form: { oneOf: STRENGTHS },
        doc: 'How each approval is proved. `login`: a token or the identity provider is enough. `signed`: it is signed with a key of the person (`runbook sign`), or with a passkey. `passkey`: the person approves with a passkey, on the web pages.',
        default: '`login`',
      },
      validFor: { form: 'duration', doc: 'How long an approval stays valid before it is applied.', default: '15m' },
    },
  },
  verify: {
    doc: 'Samples the checks until the system is healthy again. `targets` are those to which the remedy was applied.',
    fields: {
      ...SAMPLED_CHECKS,
      until: {
        form: 'condition',
        requiredUnless: 'like',
        doc: 'The system is healthy when this is true. It may use `targets`, `inputs` and the checks of `again` and `checks`.',
      },
      holds: { form: 'duration', doc: 'How long `until` must stay true.', default: 'one sample' },
      every: { form: 'duration', doc: 'The pause between two samples.', default: '5s' },
      within: {
        form: 'duration',
        requiredUnless: 'like',
        doc: 'If `until` is not true within this time, the remedy did not help.',
      },
      like: {
        form: 'name',
        doc: 'Instead of all other fields: another remedy of this runbook, whose verification is used for this remedy too.',
      },
    },
  },
  wait: {
    doc: 'Samples the checks until the next action may start.',
    fields: {
      ...SAMPLED_CHECKS,
      until: {
        form: 'condition',
        required: true,
        doc: 'May use `targets`, `inputs` and the checks of `again` and `checks`.',
      },
      every: { form: 'duration', doc: 'The pause between two samples.', default: '5s' },
      within: { form: 'duration', required: true, doc: 'If `until` is not true within this time, the remedy stops.' },
    },
  },
  batches: {
    doc: 'Applies an action to a few targets, pauses, then goes on with the next ones.',
    fields: {
      size: { form: { int: { min: 1, max: 200 } }, required: true, doc: 'How many targets one batch has.' },
      every: { form: 'duration', required: true, doc: 'The pause between two batches.' },
    },
  },
} satisfies Record<string, SectionFields>
