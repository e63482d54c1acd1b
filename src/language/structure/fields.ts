import type { RunbookSection, SectionFields, SectionName } from './form.ts'
import { REMEDY_SECTIONS } from './remedy-fields.ts'
import { SCENARIO_SECTIONS } from './scenario-fields.ts'

const INPUT_TYPES = ['string', 'int', 'number', 'bool', 'duration'] as const

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
      let: {
        form: 'expressions',
        doc: 'Names for expressions, such as a long filter that several causes use. An expression can use a name like the name of a check, and a name can use the names above it. Each use is evaluated as if the expression was written there.',
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
      every: { form: 'duration', required: true, doc: 'How often the symptom is sampled; at least 1s.' },
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
      shadow: {
        form: 'bool',
        doc: 'If true, detection opens no incidents. `runbook detect report` shows what detection would have opened.',
        default: 'false',
      },
    },
  },
  check: {
    doc: "A read-only diagnostic. Expressions read its result, an object, by the check's name; lists are in its `.rows`.",
    fields: {
      check: { form: 'string', required: true, doc: 'The kind, such as `sql.query`.' },
      with: { form: 'values', doc: "The kind's parameters." },
      timeout: {
        form: 'duration',
        doc: 'A check that takes longer counts as failed.',
        default: 'the time limit of the kind',
      },
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
  ...REMEDY_SECTIONS,
  rounds: {
    doc: 'How many rounds one incident may take, and how often its checks run again before it is escalated.',
    fields: {
      ineffective: {
        form: { int: { min: 1, max: 10 } },
        doc: 'The maximum number of rounds that did not help.',
        default: '3',
      },
      total: { form: { int: { min: 1, max: 20 } }, doc: 'The maximum number of all rounds.', default: '10' },
      again: {
        form: { int: { min: 0, max: 10 } },
        doc: 'How often one incident runs all checks again before it is escalated because no known cause holds or one could not be ruled out. With 0 the incident is escalated at once.',
        default: '2',
      },
      every: { form: 'duration', doc: 'The pause before the checks run again.', default: '15s' },
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
        doc: 'The first sentence of the notification. The evidence stays in the incident: `runbook show`.',
      },
    },
  },
}

/** Every section of runbooks and of scenario files. */
export const SECTIONS: Record<SectionName, SectionFields> = { ...RUNBOOK_SECTIONS, ...SCENARIO_SECTIONS }

/** All sections of runbooks if this is a section of a runbook; otherwise all sections of scenario files. */
export function sectionsOfSameFile(name: SectionName): SectionName[] {
  const family = Object.hasOwn(RUNBOOK_SECTIONS, name) ? RUNBOOK_SECTIONS : SCENARIO_SECTIONS
  return Object.keys(family) as SectionName[]
}
