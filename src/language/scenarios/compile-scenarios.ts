import type { EffectResult } from '../../core/effect.ts'
import type { Finding, Outcome } from '../../core/incident.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Plan } from '../../core/plan.ts'
import { defined } from '../../core/defined.ts'
import { didYouMean } from '../../core/nearest.ts'
import { parseYaml } from '../parse/parse-yaml.ts'
import type { Source } from '../parse/source.ts'
import { dataOf } from '../parse/tree.ts'
import type { MapTree } from '../parse/tree.ts'
import { sortProblems } from '../problems.ts'
import type { Problem, Reporter } from '../problems.ts'
import { readSection } from '../structure/read.ts'
import { RESULTS } from '../structure/scenario-fields.ts'
import type { Section } from '../structure/section.ts'
import { GivenReader, checkAction, checkRemedy } from './compile-given.ts'
import type {
  EffectRule,
  Expectation,
  Expected,
  GateDecision,
  ProposalExpectation,
  RoundExpectation,
  Scenario,
} from './scenario.ts'

export interface CompiledScenarios {
  /** The scenarios. Empty if there is an error. */
  scenarios: Scenario[]
  problems: Problem[]
  /** The text of the file, for code frames. */
  source: Source
}

const MAX_BYTES = 1024 * 1024

/** Reads a scenario file and checks it against the plan of its runbook. Never throws because of the text. */
export function compileScenarios(text: string, file: string, plan: Plan): CompiledScenarios {
  const { tree, reporter } = parseYaml(text, file, MAX_BYTES)
  const root = tree && readSection('scenarios', tree, reporter)
  if (!root) return { scenarios: [], problems: sortProblems(reporter.problems), source: reporter.source }
  const given = new GivenReader(reporter, plan, root.section('given'))
  const names = new Set<string>()
  const scenarios = root.list('scenarios').map((section): Scenario => {
    const name = section.text('scenario') ?? ''
    if (names.has(name)) reporter.error('duplicate-name', section.at('scenario'), `There are two scenarios "${name}".`)
    names.add(name)
    return {
      name,
      at: section.at('scenario'),
      ...given.of(section.section('given')),
      decisions: section.list('decisions').map(decision),
      effects: section.list('effects').map((effect) => effectRule(reporter, plan, effect)),
      expect: expectation(reporter, plan, section.section('expect')),
    }
  })
  const problems = sortProblems(withoutDuplicates(reporter.problems))
  return { scenarios: reporter.hasErrors ? [] : scenarios, problems, source: reporter.source }
}

/** The `given` of the file is read again for each scenario, so the same problem is found several times. */
function withoutDuplicates(problems: Problem[]): Problem[] {
  return [...new Map(problems.map((one) => [`${one.line}:${one.column} ${one.message}`, one])).values()]
}

function decision(section: Section): GateDecision {
  const targets = section.data('targets') as unknown[] | undefined
  return {
    decision: (section.text('decision') as GateDecision['decision'] | undefined) ?? 'approve',
    ...defined({ targets: targets?.map(String) }),
    afterMs: section.duration('after') ?? 0,
  }
}

function effectRule(reporter: Reporter, plan: Plan, section: Section): EffectRule {
  const [action, target, round] = [section.text('action'), section.text('target'), section.int('round')]
  if (action !== undefined) checkAction(reporter, plan, action, section.at('action'))
  const observed = section.map('observed')
  return {
    ...defined({ action, target, round, stale: section.int('stale') }),
    result: (section.text('result') as EffectRule['result'] | undefined) ?? 'applied',
    ...defined({ observed: observed && (dataOf(observed) as JsonObject) }),
  }
}

function expectation(reporter: Reporter, plan: Plan, section: Section | undefined): Expectation {
  const none = { value: 'resolved' as Outcome, at: { start: 0, end: 1 } }
  if (!section) return { outcome: none, each: [] }
  return {
    outcome: expected(section, 'outcome', section.text('outcome') as Outcome | undefined) ?? none,
    ...defined({
      reason: expected(section, 'reason', section.text('reason')),
      message: expected(section, 'message', section.text('message')),
      rounds: expected(section, 'rounds', section.int('rounds')),
    }),
    each: [section, ...section.list('then')].map((round) => roundExpectation(reporter, plan, round)),
  }
}

function expected<T>(section: Section, name: string, value: T | undefined): Expected<T> | undefined {
  return value === undefined ? undefined : { value, at: section.at(name) }
}

function roundExpectation(reporter: Reporter, plan: Plan, section: Section): RoundExpectation {
  const cause = section.text('cause')
  if (cause !== undefined && cause !== 'none') checkCause(reporter, plan, cause, section.at('cause'))
  const noProposal = section.text('proposal') === 'none'
  const proposal = section.section('proposal')
  const expectedProposal = noProposal ? null : proposal && proposalExpectation(reporter, plan, proposal)
  return {
    causes: causes(reporter, plan, section.map('causes')),
    ...defined({
      cause: expected(section, 'cause', cause === 'none' ? null : cause),
      because: expected(section, 'because', section.text('because')),
      proposal: expected(section, 'proposal', expectedProposal),
      effects: effects(reporter, section),
      verified: expected(section, 'verified', section.bool('verified')),
    }),
  }
}

function causes(reporter: Reporter, plan: Plan, tree: MapTree | undefined): RoundExpectation['causes'] {
  return [...(tree?.entries.values() ?? [])].flatMap(({ name, key, value }) => {
    checkCause(reporter, plan, name, key)
    const holds = value.kind === 'scalar' ? value.value : null
    if (holds === true || holds === false || holds === 'undetermined')
      return [{ cause: name, value: holds as Finding['holds'], at: key }]
    reporter.error('wrong-form', value, 'A cause must be true, false or undetermined.')
    return []
  })
}

function checkCause(reporter: Reporter, plan: Plan, cause: string, at: { start: number; end: number }): void {
  const known = plan.causes.map((one) => one.name)
  if (known.includes(cause)) return
  const message = `There is no cause "${cause}".${didYouMean(cause, known)} (causes: ${known.join(', ')})`
  reporter.error('unknown-name', at, message)
}

function effects(reporter: Reporter, section: Section): Expected<Record<string, EffectResult>> | undefined {
  const tree = section.map('effects')
  if (!tree) return undefined
  const value: Record<string, EffectResult> = {}
  for (const { name, value: result } of tree.entries.values()) {
    const word = result.kind === 'scalar' ? String(result.value) : ''
    if ((RESULTS as readonly string[]).includes(word)) value[name] = word as EffectResult
    else {
      const message = `"${name}" must be one of ${RESULTS.join(', ')}.${didYouMean(word, RESULTS)}`
      reporter.error('wrong-form', result, message)
    }
  }
  return { value, at: section.keyOf('effects') }
}

function proposalExpectation(reporter: Reporter, plan: Plan, section: Section): ProposalExpectation {
  const remedy = section.text('remedy')
  if (remedy !== undefined) checkRemedy(reporter, plan, remedy, section.at('remedy'))
  const targets = section.data('targets') as unknown[] | undefined
  return {
    remedy: { value: remedy ?? '', at: section.at('remedy') },
    ...defined({
      targets: expected(section, 'targets', targets?.map(String)),
      affected: expected(section, 'affected', section.int('affected')),
    }),
    actions: section.list('actions').map((action) => {
      const [kind, target, values] = [action.text('action') ?? '', action.text('target'), action.map('with')]
      if (action.has('action')) checkAction(reporter, plan, kind, action.at('action'))
      const parameters = values ? (dataOf(values) as JsonObject) : {}
      return { at: action.span, action: kind, ...defined({ target }), with: parameters }
    }),
  }
}
