import { digest } from '../core/canonical.ts'
import { defined } from '../core/defined.ts'
import type { Json } from '../core/json.ts'
import { IR_VERSION } from '../core/plan.ts'
import type { Plan, PlanAction } from '../core/plan.ts'
import { compileCauses, compileOtherwise } from './compile/causes.ts'
import { compileChecks } from './compile/checks.ts'
import { condition } from './compile/context.ts'
import type { CompileOptions, Context, Scope } from './compile/context.ts'
import { compileInputs } from './compile/inputs.ts'
import { compileNames, takenNames, warnOfUnusedNames, type NamedValue } from './compile/compile-names.ts'
import { Names } from './compile/names.ts'
import { compileRemedy } from './compile/remedies.ts'
import { compileTemplate } from './compile/compile-values.ts'
import { MAX_EVENTS, worstCaseEvents } from './compile/worst-case.ts'
import { inputsType } from './expressions/inputs-type.ts'
import { didYouMean } from '../core/nearest.ts'
import { ACTIONS, CHECKS } from './kinds/table.ts'
import { parseYaml } from './parse/parse-yaml.ts'
import { sortProblems } from './problems.ts'
import type { Problem, Reporter } from './problems.ts'
import { readSection } from './structure/read.ts'
import type { Section } from './structure/section.ts'

export type { CompileOptions } from './compile/context.ts'

export interface Compilation {
  /** The compiled plan. Absent if a problem is an error. */
  plan?: Plan
  /** The SHA-256 of the plan's canonical JSON. */
  planDigest?: string
  /** The names of `let`, for people. In the plan, each use is replaced by the expression. Absent if a problem is an error. */
  names?: NamedValue[]
  /** The problems, in the order of the file. */
  problems: Problem[]
}

const MAX_PLAN_BYTES = 128 * 1024
const HOUR_MS = 3_600_000

/** Parses, checks and compiles a runbook. No text makes it throw: all problems of the text are returned. */
export function compileRunbook(text: string, options: CompileOptions): Compilation {
  const { tree, reporter } = parseYaml(text, options.file)
  const runbook = tree && readSection('runbook', tree, reporter)
  if (!runbook) return { problems: sortProblems(reporter.problems) }
  const { plan, names } = compilePlan(contextOf(reporter, options, runbook), runbook)
  if (!reporter.hasErrors) refuseTooLarge(reporter, runbook, plan)
  const problems = sortProblems(reporter.problems)
  if (reporter.hasErrors) return { problems }
  return { plan, planDigest: digest(plan as unknown as Json), names, problems }
}

const KINDS = {
  checks: new Map(CHECKS.map((kind) => [kind.name, kind])),
  actions: new Map(ACTIONS.map((kind) => [kind.name, kind])),
}

function contextOf(reporter: Reporter, options: CompileOptions, runbook: Section): Context {
  const { checks, actions, connections, readOnly = [], groups, channels, policy } = options
  return {
    reporter,
    checks: checks ? new Map(checks.map((kind) => [kind.name, kind])) : KINDS.checks,
    actions: actions ? new Map(actions.map((kind) => [kind.name, kind])) : KINDS.actions,
    connections,
    readOnly,
    groups,
    channels,
    policy,
    names: new Names(reporter, runbook.map('let'), takenNames(runbook)),
  }
}

function compilePlan(context: Context, runbook: Section): { plan: Plan; names: NamedValue[] } {
  const inputs = compileInputs(context, runbook.named('inputs'))
  const inputsOnly: Scope = { types: { inputs: inputsType(inputs) }, checks: { checks: {} } }
  const diagnosis = compileChecks(context, runbook.named('diagnose'), inputsOnly)
  const { checks, scope } = diagnosis
  const names = compileNames(context, scope)
  const symptom = condition(context, runbook.scalar('symptom'), scope)
  const named = runbook.named('remedies')
  const causes = compileCauses(
    context,
    runbook.list('causes'),
    scope,
    named.map(({ name }) => name),
  )
  const causesAreValid = !context.reporter.hasErrors
  const surroundings = { all: named, causes, causesAreValid, diagnosis, inputsOnly }
  const remedies = named.map((remedy) => compileRemedy(context, remedy, surroundings))
  const key = runbook.scalar('key')
  const [owner, detect, rounds] = [runbook.text('owner'), runbook.section('detect'), runbook.section('rounds')]
  const plan: Plan = {
    irVersion: IR_VERSION,
    name: runbook.text('runbook') ?? '',
    incident: runbook.text('incident') ?? '',
    title: runbook.text('title') ?? '',
    ...defined({ owner }),
    inputs,
    key: (key && compileTemplate(context, key, inputsOnly, 'refused')?.value) ?? { lit: '' },
    ...defined({
      symptom: symptom?.expression,
      detect: detect && compileDetect(context, runbook, detect, inputs),
    }),
    checks,
    causes: causes.map(({ cause }) => cause),
    otherwise: compileOtherwise(context, runbook, scope),
    remedies: Object.fromEntries(remedies.map((remedy) => [remedy.name, remedy])),
    rounds: compileRounds(rounds),
    escalate: compileEscalate(context, runbook.section('escalate'), scope),
  }
  warnOfUnusedNames(context)
  return { plan, names }
}

function compileRounds(rounds: Section | undefined): Plan['rounds'] {
  const times = rounds?.int('again') ?? 2
  const everyMs = rounds?.duration('every') ?? 15_000
  return {
    ineffective: rounds?.int('ineffective') ?? 3,
    total: rounds?.int('total') ?? 10,
    ...(times > 0 ? { again: { times, everyMs } } : {}),
  }
}

const MIN_SAMPLE_INTERVAL_MS = 1_000

function compileDetect(
  context: Context,
  runbook: Section,
  detect: Section,
  inputs: Plan['inputs'],
): NonNullable<Plan['detect']> {
  if (!runbook.has('symptom')) {
    const message = '"detect" samples the symptom, so it needs "symptom". Add a "symptom", or remove "detect".'
    context.reporter.error('detect-without-symptom', runbook.keyOf('detect'), message)
  }
  for (const [name, { optional, default: value }] of Object.entries(inputs)) {
    if (optional || value !== undefined) continue
    const message = `"detect" samples the symptom without inputs, but the input "${name}" is required. Give it a default or "optional: true", or remove "detect".`
    context.reporter.error('detect-needs-input', runbook.keyOf('detect'), message)
  }
  const everyMs = detect.duration('every') ?? HOUR_MS
  if (everyMs < MIN_SAMPLE_INTERVAL_MS)
    context.reporter.error('detect-too-often', detect.at('every'), '"every" must be at least 1s.')
  return {
    everyMs,
    for: detect.int('for') ?? 1,
    againMs: detect.duration('again') ?? HOUR_MS,
    ...(detect.bool('shadow') ? { shadow: true as const } : {}),
  }
}

function compileEscalate(context: Context, section: Section | undefined, scope: Scope): Plan['escalate'] {
  const message = section?.scalar('message')
  const to = section?.names('to') ?? []
  for (const scalar of to) {
    const name = String(scalar.value)
    if (!context.channels || context.channels.includes(name)) continue
    const group = Object.hasOwn(context.groups ?? {}, name) ? ', only a group, so nobody would be notified' : ''
    const hint = `${didYouMean(name, context.channels)} (channels: ${context.channels.join(', ') || 'none'})`
    context.reporter.error('unknown-channel', scalar, `There is no channel "${name}"${group}.${hint}`)
  }
  return {
    to: to.map((scalar) => String(scalar.value)),
    message: (message && compileTemplate(context, message, scope)?.value) ?? { lit: '' },
  }
}

function refuseTooLarge(reporter: Reporter, runbook: Section, plan: Plan): void {
  const bytes = new TextEncoder().encode(JSON.stringify(plan)).length
  if (bytes > MAX_PLAN_BYTES) {
    const message = `The compiled plan has ${Math.ceil(bytes / 1024)} kB; the maximum is ${MAX_PLAN_BYTES / 1024} kB. Split the runbook.`
    reporter.error('plan-too-large', runbook.at('runbook'), message)
  }
  const events = worstCaseEvents(plan)
  if (events > MAX_EVENTS) {
    const asked = Object.values(plan.remedies).find((one) => one.for && one.actions.some(isAskedForEach))
    const hint = asked
      ? `The manual step of ${asked.name} is done for each target: write "once: true" if one is enough. Or lower`
      : 'Lower'
    const message = `In the worst case an incident has ${events} workflow events; the maximum is ${MAX_EVENTS}. ${hint} maxTargets or rounds.total, or use fewer checks.`
    reporter.error('too-many-events', runbook.at('runbook'), message)
  }
}

function isAskedForEach({ kind, once }: PlanAction): boolean {
  return kind === 'manual' && !once
}
