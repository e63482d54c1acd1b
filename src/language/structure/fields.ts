import type { RunbookSection, SectionFields, SectionName } from './form.ts'
import { SCENARIO_SECTIONS } from './scenario-fields.ts'

const INPUT_TYPES = ['string', 'int', 'number', 'bool', 'duration'] as const
const RISKS = ['low', 'medium', 'high'] as const
const COUNT = { int: { min: 1, max: 1_000_000 } } as const

const RUNBOOK_SECTIONS: Record<RunbookSection, SectionFields> = {
  runbook: {
    doc: 'A runbook: the checks to run, the known causes, and the remedy for each cause.',
    fields: {
      version: { form: { int: { min: 1, max: 1 } }, required: true, doc: 'The version of the language: 1.' },
      runbook: { form: 'name', required: true, doc: "The runbook's name; its workflow type is `runbook.<name>`." },
      incident: {
        form: 'name',
        required: true,
        doc: 'The incident type that this runbook treats, such as `stuck-run`.',
      },
      title: { form: 'string', required: true, doc: 'The problem, in one line.' },
      owner: { form: 'string', doc: 'The team that maintains this runbook.' },
      inputs: {
        form: { named: 'input', by: 'identifier' },
        doc: 'Values that can be passed when an incident is triggered. Expressions read them as `inputs.<name>`.',
      },
      key: {
        form: 'template',
        required: true,
        doc: 'Only one incident is open per key, however often it is triggered. May use `inputs`; a nullable value needs a default.',
      },
      symptom: {
        form: 'condition',
        doc: 'The incident exists while this is true. When it is false after a remedy, the incident is resolved.',
        default: 'the symptom always counts as present',
      },
      detect: {
        form: { section: 'detect' },
        doc: 'Lets the engine sample the symptom regularly and open an incident by itself.',
      },
      diagnose: {
        form: { named: 'check', by: 'identifier' },
        required: true,
        doc: 'The read-only checks. They run in parallel, unless one uses the result of another.',
      },
      causes: {
        form: { listOf: 'cause' },
        required: true,
        doc: 'The possible explanations, most fundamental first. The first cause that holds is treated.',
      },
      otherwise: {
        form: { words: ['escalate', 'none'], section: 'ending' },
        doc: 'What to do when no cause holds.',
        default: '`escalate`',
      },
      remedies: { form: { named: 'remedy', by: 'name' }, doc: 'The remedies, by name.' },
      rounds: { form: { section: 'rounds' }, doc: 'How many rounds one incident may take.' },
      escalate: {
        form: { section: 'escalate' },
        required: true,
        doc: 'Who to notify when the incident is escalated.',
      },
    },
  },
  input: {
    doc: 'A value that is passed when an incident is opened.',
    fields: {
      type: { form: { oneOf: INPUT_TYPES }, required: true, doc: 'string, int, number, bool, or duration.' },
      optional: { form: 'bool', doc: 'If true, the input can be omitted and is then null.' },
      default: { form: 'data', doc: 'The value if none is passed.' },
      description: { form: 'string', doc: 'What it means.' },
      enum: { form: { list: 'data' }, doc: 'The allowed values.' },
      min: { form: { bound: true }, doc: 'The smallest allowed number, or the shortest duration.' },
      max: { form: { bound: true }, doc: 'The largest allowed number, or the longest duration.' },
      pattern: {
        form: 'string',
        doc: 'A regular expression that the whole string must match, without groups and alternatives.',
      },
    },
  },
  detect: {
    doc: 'How the engine detects the symptom by itself.',
    fields: {
      every: { form: 'duration', required: true, doc: 'How often the symptom is sampled.' },
      for: {
        form: { int: { min: 1, max: 100 } },
        doc: 'How many consecutive samples must show the symptom.',
        default: '1',
      },
      again: {
        form: 'duration',
        doc: 'How long a key stays quiet after its incident closed with the symptom still present.',
        default: '1h',
      },
    },
  },
  check: {
    doc: "A read-only diagnostic. Expressions read its result, an object, by the check's name; lists are in its `.rows`.",
    fields: {
      check: { form: 'string', required: true, doc: 'The kind, such as `sql.query`.' },
      with: { form: 'values', doc: "The kind's parameters." },
      timeout: { form: 'duration', doc: 'A check that takes longer counts as failed.', default: 'that of the kind' },
      retry: { form: { int: { min: 0, max: 5 } }, doc: 'How often to try again after a failure.', default: '0' },
    },
  },
  cause: {
    doc: 'An explanation. It holds if `when` is true and `affects`, if given, is not empty.',
    fields: {
      cause: { form: 'name', required: true, doc: "The cause's name." },
      title: { form: 'string', required: true, doc: 'The cause in one line.' },
      when: { form: 'condition', doc: 'When this cause can hold.', default: 'true' },
      affects: {
        form: 'list expression',
        doc: 'The items that the cause concerns. They are the targets of its remedy.',
      },
      because: { form: 'template', required: true, doc: 'The evidence for it, in one sentence. May use `affects`.' },
      remedy: {
        form: { nameOr: ['escalate', 'none'] },
        doc: 'The remedy to propose; `escalate`; or `none` if no action is needed.',
      },
      handoff: {
        form: { section: 'handoff' },
        doc: 'Instead of a remedy: open or join an incident of another type.',
      },
      despite: {
        form: { names: 'identifier' },
        doc: 'Checks that may fail without blocking the remedy of this cause.',
      },
    },
  },
  handoff: {
    doc: 'The linked incident of another type.',
    fields: {
      incident: { form: 'name', required: true, doc: 'The incident type.' },
      inputs: { form: 'values', doc: 'The inputs of the linked incident.' },
    },
  },
  ending: {
    doc: 'What to do instead of a remedy.',
    fields: { handoff: { form: { section: 'handoff' }, required: true, doc: 'An incident of another type.' } },
  },
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
        default: 'that of the kind',
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
      validFor: { form: 'duration', doc: 'How long an approval stays valid before it is applied.', default: '15m' },
    },
  },
  verify: {
    doc: 'Samples the checks until the system is healthy again. `targets` are those to which the remedy was applied.',
    fields: {
      again: {
        form: { names: 'identifier' },
        doc: 'Checks of `diagnose` to run again in each sample, with all the checks that they need. `until` reads them by their names.',
      },
      checks: {
        form: { named: 'check', by: 'identifier' },
        doc: 'Further checks for each sample; their parameters may use `targets`.',
      },
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
      again: {
        form: { names: 'identifier' },
        doc: 'Checks of `diagnose` to run again in each sample, with all the checks that they need. `until` reads them by their names.',
      },
      checks: {
        form: { named: 'check', by: 'identifier' },
        doc: 'Further checks for each sample; their parameters may use `targets`.',
      },
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
  rounds: {
    doc: 'How many rounds one incident may take.',
    fields: {
      ineffective: {
        form: { int: { min: 1, max: 10 } },
        doc: 'The maximum number of rounds that did not help.',
        default: '3',
      },
      total: { form: { int: { min: 1, max: 20 } }, doc: 'The maximum number of all rounds.', default: '10' },
    },
  },
  escalate: {
    doc: 'Who to notify when the incident is escalated.',
    fields: {
      to: {
        form: { names: 'name' },
        required: true,
        doc: 'The channels to notify. When a gate escalates, the groups with these names may decide too.',
      },
      message: {
        form: 'template',
        required: true,
        doc: 'The first sentence of the notification. The evidence is attached.',
      },
    },
  },
}

/** Every section of runbooks and of scenario files. */
export const SECTIONS: Record<SectionName, SectionFields> = { ...RUNBOOK_SECTIONS, ...SCENARIO_SECTIONS }

/** The sections of the kind of file that has this section: a runbook, or a scenario file. */
export function sectionsOfSameFile(name: SectionName): SectionName[] {
  const family = Object.hasOwn(RUNBOOK_SECTIONS, name) ? RUNBOOK_SECTIONS : SCENARIO_SECTIONS
  return Object.keys(family) as SectionName[]
}
