import type { RunbookSection, SectionFields, SectionName } from './form.ts'
import { SCENARIO_SECTIONS } from './scenario-fields.ts'

const INPUT_TYPES = ['string', 'int', 'number', 'bool', 'duration'] as const
const RISKS = ['low', 'medium', 'high'] as const
const COUNT = { int: { min: 1, max: 1_000_000 } } as const

const RUNBOOK_SECTIONS: Record<RunbookSection, SectionFields> = {
  runbook: {
    doc: 'A runbook: what is looked at, which causes are known, and what is done about each.',
    fields: {
      version: { form: { int: { min: 1, max: 1 } }, required: true, doc: 'The version of the language: 1.' },
      runbook: { form: 'name', required: true, doc: "The runbook's name; its workflow type is `runbook.<name>`." },
      incident: {
        form: 'name',
        required: true,
        doc: 'The incident type that this runbook treats, such as `stuck-run`.',
      },
      title: { form: 'text', required: true, doc: 'What is wrong, in one line.' },
      owner: { form: 'text', doc: 'Who keeps this runbook right.' },
      inputs: {
        form: { named: 'input', by: 'identifier' },
        doc: 'What may be given when it is triggered: `inputs.<name>`.',
      },
      key: {
        form: 'template',
        required: true,
        doc: 'One incident is open per key, however often it is triggered. May use `inputs`; null must be given a default.',
      },
      symptom: {
        form: 'condition',
        doc: 'The incident exists while this holds. When it is gone after a remedy, the incident is resolved.',
        otherwise: 'every incident counts as existing',
      },
      detect: { form: { section: 'detect' }, doc: 'The engine looks by itself whether the symptom is there.' },
      diagnose: {
        form: { named: 'check', by: 'identifier' },
        required: true,
        doc: 'The checks, read-only. They run at the same time, unless one reads what another found.',
      },
      causes: {
        form: { listOf: 'cause' },
        required: true,
        doc: 'What can explain the incident, most fundamental first. The first that holds is treated.',
      },
      otherwise: {
        form: { words: ['escalate', 'none'], section: 'ending' },
        doc: 'What follows when no cause holds.',
        otherwise: '`escalate`',
      },
      remedies: { form: { named: 'remedy', by: 'name' }, doc: 'What can be done, by name.' },
      rounds: { form: { section: 'rounds' }, doc: 'How often it is tried.' },
      escalate: { form: { section: 'escalate' }, required: true, doc: 'Whom to tell when the engine cannot go on.' },
    },
  },
  input: {
    doc: 'A value that is given when an incident is opened.',
    fields: {
      type: { form: { oneOf: INPUT_TYPES }, required: true, doc: 'string, int, number, bool, or duration.' },
      optional: { form: 'bool', doc: 'May be left out; then it is null.' },
      default: { form: 'data', doc: 'The value when none is given.' },
      description: { form: 'text', doc: 'What it means.' },
      enum: { form: { list: 'data' }, doc: 'The only values allowed.' },
      min: { form: { bound: true }, doc: 'The least number, or the shortest duration.' },
      max: { form: { bound: true }, doc: 'The greatest number, or the longest duration.' },
      pattern: {
        form: 'text',
        doc: 'A regular expression that the whole text must match; without groups and alternatives.',
      },
    },
  },
  detect: {
    doc: 'The engine looks by itself.',
    fields: {
      every: { form: 'duration', required: true, doc: 'How often it looks.' },
      for: { form: { int: { min: 1, max: 100 } }, doc: 'In so many looks running.', otherwise: '1' },
      again: {
        form: 'duration',
        doc: 'How long a key stays quiet after an incident that closed with the symptom still there.',
        otherwise: '1h',
      },
    },
  },
  check: {
    doc: 'A read-only diagnostic. Its result is an object that expressions know by its name; lists are its `.rows`.',
    fields: {
      check: { form: 'text', required: true, doc: 'The kind, such as `sql.query`.' },
      with: { form: 'values', doc: "The kind's parameters." },
      timeout: { form: 'duration', doc: 'After this it counts as failed.', otherwise: "the kind's own" },
      retry: { form: { int: { min: 0, max: 5 } }, doc: 'Further tries after a failure.', otherwise: '0' },
    },
  },
  cause: {
    doc: 'An explanation. It holds if `when` holds and `affects`, where given, is not empty.',
    fields: {
      cause: { form: 'name', required: true, doc: "The cause's name." },
      title: { form: 'text', required: true, doc: 'The cause in one line.' },
      when: { form: 'condition', doc: 'When it explains the incident.', otherwise: 'true' },
      affects: { form: 'list expression', doc: 'The things that it concerns: the targets of its remedy.' },
      because: { form: 'template', required: true, doc: 'The evidence for it, in one sentence. May use `affects`.' },
      remedy: {
        form: { nameOr: ['escalate', 'none'] },
        doc: 'The remedy to propose; `escalate`; or `none`: there is rightly nothing to do.',
      },
      handoff: {
        form: { section: 'handoff' },
        doc: 'Instead of a remedy: opens or joins an incident of another type.',
      },
      despite: {
        form: { names: 'identifier' },
        doc: 'Checks that may fail without keeping this cause from being treated.',
      },
    },
  },
  handoff: {
    doc: 'A linked incident of another type.',
    fields: {
      incident: { form: 'name', required: true, doc: 'Its type.' },
      inputs: { form: 'values', doc: 'Its inputs.' },
    },
  },
  ending: {
    doc: 'What follows instead of a remedy.',
    fields: { handoff: { form: { section: 'handoff' }, required: true, doc: 'An incident of another type.' } },
  },
  remedy: {
    doc: 'What is done about a cause. Nothing of it is applied before somebody approved exactly that.',
    fields: {
      title: { form: 'text', required: true, doc: 'What will be done, in one line: it stands on the button.' },
      risk: {
        form: { oneOf: RISKS },
        doc: 'With `high`, who opened the incident may not approve.',
        otherwise: '`medium`',
      },
      for: {
        form: 'identifier',
        doc: 'Done for each thing that the cause affects; the name by which the fields below know it.',
        otherwise: 'done once, for the incident as a whole',
      },
      key: { form: 'template', doc: "With `for`: the target's name in the proposal and the history." },
      lock: {
        form: 'template',
        doc: 'The name of what no other remedy may touch meanwhile, such as `run/${{ run.id }}`.',
      },
      do: {
        form: { listOf: 'action' },
        required: true,
        doc: 'The actions, in order; each for all targets before the next.',
      },
      limits: {
        form: { section: 'limits' },
        doc: 'How much may be done. Needed with `for` and with `approval: auto`.',
      },
      approval: { form: { words: ['auto'], section: 'approval' }, doc: 'Who must approve. Needed for every write.' },
      verify: { form: { section: 'verify' }, doc: 'How it is seen that things are healthy again.' },
    },
  },
  action: {
    doc: 'One write, message or manual step.',
    fields: {
      action: { form: 'text', required: true, doc: 'The kind, such as `sql.update`.' },
      with: { form: 'values', doc: "The kind's parameters." },
      once: { form: 'bool', doc: 'Once for the remedy, not for each target.', otherwise: 'false' },
      if: { form: 'condition', doc: 'Only where this holds, by what was diagnosed.' },
      timeout: { form: 'duration', doc: 'After this its effect counts as unknown.', otherwise: "the kind's own" },
      expect: { form: 'condition', doc: 'What must hold of its `result`; else the effect counts as refused.' },
      wait: { form: { section: 'wait' }, doc: 'What must hold before the next action.' },
      batches: { form: { section: 'batches' }, doc: 'Not all targets at once.' },
    },
  },
  limits: {
    doc: 'How much a remedy may do.',
    fields: {
      maxTargets: { form: { int: { min: 1, max: 200 } }, doc: 'Targets per round; the rest waits.', otherwise: '20' },
      perHour: { form: COUNT, doc: 'Targets per hour, over all incidents.' },
      cooldown: { form: 'duration', doc: 'Not the same target again within this time.' },
    },
  },
  approval: {
    doc: 'Who decides, and in which time.',
    fields: {
      by: { form: { names: 'name' }, required: true, doc: 'Groups of people who may decide.' },
      count: { form: { int: { min: 1, max: 5 } }, doc: 'How many different people must approve.', otherwise: '1' },
      within: { form: 'duration', required: true, doc: 'How long the proposal waits for an answer.' },
      onTimeout: {
        form: { oneOf: ['escalate', 'reject'] },
        doc: 'What happens when nobody answers. It is never approved.',
        otherwise: '`escalate`',
      },
      validFor: { form: 'duration', doc: 'How long an approval may wait for being applied.', otherwise: '15m' },
    },
  },
  verify: {
    doc: 'Samples until the system is healthy again. `targets` are those to which the remedy was applied.',
    fields: {
      again: {
        form: { names: 'identifier' },
        doc: 'Checks of `diagnose` to run again in each sample, with all the checks that they need; `until` knows them by their names.',
      },
      checks: {
        form: { named: 'check', by: 'identifier' },
        doc: 'Further checks for each sample; their parameters may use `targets`.',
      },
      until: {
        form: 'condition',
        requiredUnless: 'like',
        doc: 'The system is healthy when this holds. It may use `targets`, `inputs` and the checks of `again` and `checks`.',
      },
      holds: { form: 'duration', doc: 'How long `until` must stay true.', otherwise: 'one sample' },
      every: { form: 'duration', doc: 'The pause between two samples.', otherwise: '5s' },
      within: {
        form: 'duration',
        requiredUnless: 'like',
        doc: 'If `until` does not hold by then, the remedy did not help.',
      },
      like: {
        form: 'name',
        doc: 'Instead of all other fields: another remedy of this runbook, whose verification is used for this one too.',
      },
    },
  },
  wait: {
    doc: 'Samples until the next action may begin.',
    fields: {
      again: {
        form: { names: 'identifier' },
        doc: 'Checks of `diagnose` to run again in each sample, with all the checks that they need; `until` knows them by their names.',
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
      every: { form: 'duration', doc: 'The pause between two samples.', otherwise: '5s' },
      within: { form: 'duration', required: true, doc: 'If `until` does not hold by then, the remedy stops.' },
    },
  },
  batches: {
    doc: 'So many targets, a pause, the next ones.',
    fields: {
      size: { form: { int: { min: 1, max: 200 } }, required: true, doc: 'Targets at a time.' },
      every: { form: 'duration', required: true, doc: 'The pause between.' },
    },
  },
  rounds: {
    doc: 'How often it is tried.',
    fields: {
      ineffective: { form: { int: { min: 1, max: 10 } }, doc: 'Rounds that did not help.', otherwise: '3' },
      total: { form: { int: { min: 1, max: 20 } }, doc: 'Rounds in all.', otherwise: '10' },
    },
  },
  escalate: {
    doc: 'Whom to tell when the engine cannot go on.',
    fields: {
      to: {
        form: { names: 'name' },
        required: true,
        doc: 'Channels. When a gate escalates, groups of these names may decide too.',
      },
      message: { form: 'template', required: true, doc: 'What to say first; the evidence is attached.' },
    },
  },
}

/** Every section of runbooks and of their scenarios. */
export const SECTIONS: Record<SectionName, SectionFields> = { ...RUNBOOK_SECTIONS, ...SCENARIO_SECTIONS }

/** The sections of one kind of file, those of runbooks or those of scenarios. */
export function sectionsBeside(name: SectionName): SectionName[] {
  const family = Object.hasOwn(RUNBOOK_SECTIONS, name) ? RUNBOOK_SECTIONS : SCENARIO_SECTIONS
  return Object.keys(family) as SectionName[]
}
