import type { PlanRemedy, Risk, Type } from '../../core/plan.ts'
import { defined } from '../../core/defined.ts'
import { didYouMean } from '../../core/nearest.ts'
import { STRENGTHS } from '../../core/strength.ts'
import type { Effects } from '../expressions/polarity.ts'
import { formatType } from '../expressions/types.ts'
import type { Kind } from '../kinds/kind.ts'
import type { NamedSection, Section } from '../structure/section.ts'
import { DEFAULT_POLL_MS, compileAction, compilePolled } from './actions.ts'
import type { ActionScopes } from './actions.ts'
import { conditionsOnWrite } from './conditions-on-write.ts'
import { checkPolicy } from './policy.ts'
import { withAffects } from './causes.ts'
import type { CompiledCause } from './causes.ts'
import { isReserved } from './checks.ts'
import type { CompiledChecks } from './checks.ts'
import { scopeWith } from './context.ts'
import type { Context, Scope } from './context.ts'
import { compileTemplate } from './compile-values.ts'

const DEFAULT_MAX_TARGETS = 20
const DEFAULT_VALID_MS = 15 * 60_000

/** The other parts of the runbook that the compiler of a remedy needs. */
export interface RemedySurroundings {
  /** All remedies of the runbook. */
  all: NamedSection[]
  causes: CompiledCause[]
  /** Whether the causes compiled without an error: only then can an unused remedy be reported. */
  causesAreValid: boolean
  diagnosis: CompiledChecks
  inputsOnly: Scope
}

/** Compiles a remedy in the scope of the causes that name it. */
export function compileRemedy(
  context: Context,
  { name, key, section }: NamedSection,
  { all, causes, causesAreValid, diagnosis, inputsOnly }: RemedySurroundings,
): PlanRemedy {
  const { scope } = diagnosis
  const causesUsing = causes.filter(({ cause }) => 'remedy' in cause.then && cause.then.remedy === name)
  if (causesUsing.length === 0 && causesAreValid)
    context.reporter.error('unused-remedy', key, `No cause has the remedy "${name}". Name it in a cause, or remove it.`)
  if (name === 'escalate' || name === 'none')
    context.reporter.error('name-taken', key, `"${name}" has a special meaning in "remedy". Choose another name.`)
  const forName = targetName(context, section, scope)
  const item = targetType(context, section, name, causesUsing)
  const onceScope = remedyScope(causesUsing, scope)
  const targetScope = forName === undefined ? onceScope : scopeWith(onceScope, { [forName]: item })
  const afterScope = scopeWith(inputsOnly, { targets: { list: item } })
  const scopes = { perTarget: targetScope, once: onceScope, afterwards: afterScope, diagnosis }
  const actions = compileActions(context, section, scopes, forName)
  const writes = actions.filter(({ kind }) => kind.access === 'write')
  const remedy: PlanRemedy = {
    name: name,
    title: section.text('title') ?? '',
    risk: (section.text('risk') as Risk | undefined) ?? 'medium',
    targetItem: item,
    actions: actions.map(({ action }) => action),
    limits: compileLimits(context, section, writes.length > 0),
    approval: compileApproval(context, section, writes.length > 0),
    verify: compileVerify(context, section, { afterwards: afterScope, all, diagnosis }, writes.length > 0),
  }
  if (forName !== undefined) remedy.for = forName
  compileKeyAndLock(context, section, remedy, targetScope)
  warnOfWriteAlone(context, section, remedy)
  checkPolicy(context, section, remedy)
  return remedy
}

function compileActions(context: Context, section: Section, scopes: ActionScopes, forName: string | undefined) {
  return section.list('do').flatMap((action, index): { kind: Kind; action: PlanRemedy['actions'][number] }[] => {
    const compiled = compileAction(context, action, index, scopes, forName)
    return compiled ? [compiled] : []
  })
}

function targetName(context: Context, section: Section, scope: Scope): string | undefined {
  const name = section.text('for')
  if (name === undefined || !(isReserved(name) || Object.hasOwn(scope.types, name))) return name
  context.reporter.error(
    'name-taken',
    section.at('for'),
    `"${name}" already has a meaning in expressions. Choose another name.`,
  )
  return name
}

/** The type of one target, which must be the same in all causes that name the remedy. */
function targetType(context: Context, section: Section, name: string, causesUsing: CompiledCause[]): Type {
  if (!section.has('for')) return 'dyn'
  let type: Type | undefined
  for (const { element, remedyAt, cause } of causesUsing) {
    if (element === undefined) {
      const message = `The remedy "${name}" has "for", so it is applied to each affected item. Add "affects" to this cause.`
      context.reporter.error('remedy-needs-affects', remedyAt ?? section.span, message)
    } else if (type !== undefined && JSON.stringify(type) !== JSON.stringify(element)) {
      const message = `The causes of "${name}" affect items of different types: ${formatType(type)}, and here (${cause.name}) ${formatType(element)}. Give them the same columns, or separate remedies.`
      context.reporter.error('targets-differ', remedyAt ?? section.span, message)
    } else type = element
  }
  return type ?? 'dyn'
}

/** The scope of a remedy. It has `affects` if every cause of the remedy has it. */
function remedyScope(causesUsing: CompiledCause[], scope: Scope): Scope {
  const [first] = causesUsing
  if (!first || causesUsing.some(({ element }) => element === undefined)) return scope
  const same = causesUsing.every(({ element }) => JSON.stringify(element) === JSON.stringify(first.element))
  const checks = new Set<string>()
  const effects = new Map<string, number>()
  for (const { affects } of causesUsing) {
    for (const check of affects?.checks ?? []) checks.add(check)
    for (const [check, bits] of affects?.effects ?? new Map<string, number>())
      effects.set(check, (effects.get(check) ?? 0) | bits)
  }
  return withAffects(scope, same ? first.element! : 'dyn', { checks: [...checks], effects: effects as Effects })
}

/** Compiles `key` and `lock`. With `for`, each target must have a different key. */
function compileKeyAndLock(context: Context, section: Section, remedy: PlanRemedy, scope: Scope): void {
  const [key, lock] = [section.scalar('key'), section.scalar('lock')]
  if (remedy.for !== undefined && !section.has('key')) {
    const message = `With "for", each target needs a "key", such as \${{ ${remedy.for}.id }}.`
    context.reporter.error('missing-key', section.keyOf('for'), message)
  }
  const named = key && compileTemplate(context, key, scope, 'refused')
  if (named) remedy.key = named.value
  if (named && remedy.for !== undefined && !named.names.includes(remedy.for)) {
    const message = `All targets would have the same key. Use ${remedy.for} in it.`
    context.reporter.error('key-not-distinct', section.at('key'), message)
  }
  const locked = lock && compileTemplate(context, lock, scope, 'refused')
  if (locked) remedy.lock = locked.value
}

function compileLimits(context: Context, section: Section, writes: boolean): PlanRemedy['limits'] {
  const limits = section.section('limits')
  const auto = section.text('approval') === 'auto'
  if (!section.has('limits') && writes && (section.has('for') || auto)) {
    const why = auto ? 'A remedy with "approval: auto" needs "limits"' : 'A remedy with "for" needs "limits"'
    context.reporter.error(
      'missing-limits',
      section.keyOf(auto ? 'approval' : 'for'),
      `${why}, such as { maxTargets: 20 }.`,
    )
  }
  const [perHour, cooldownMs] = [limits?.int('perHour'), limits?.duration('cooldown')]
  return {
    maxTargets: limits?.int('maxTargets') ?? DEFAULT_MAX_TARGETS,
    ...defined({ perHour, cooldownMs }),
  }
}

function compileApproval(context: Context, section: Section, writes: boolean): PlanRemedy['approval'] {
  const approval = section.section('approval')
  if (!approval) {
    if (writes && !section.has('approval')) {
      const message = 'This remedy changes something, so it needs "approval", such as { by: [oncall], within: 15m }.'
      context.reporter.error('missing-approval', section.at('do'), message)
    }
    return { auto: true }
  }
  checkApprovers(context, approval)
  const withinMs = approval.duration('within') ?? DEFAULT_VALID_MS
  const strength = STRENGTHS.find((one) => one === approval.text('strength'))
  return {
    auto: false,
    by: approval.names('by').map((scalar) => String(scalar.value)),
    count: approval.int('count') ?? 1,
    withinMs,
    onTimeout: approval.text('onTimeout') === 'reject' ? 'reject' : 'escalate',
    validForMs: approval.duration('validFor') ?? DEFAULT_VALID_MS,
    ...(strength === undefined || strength === 'login' ? {} : { strength }),
  }
}

/** Reports only warnings about groups, because people join and leave groups while the runbook stays valid. */
function checkApprovers(context: Context, approval: Section): void {
  const { groups, reporter } = context
  if (!groups) return
  const people = new Set<string>()
  let known = true
  for (const scalar of approval.names('by')) {
    const name = String(scalar.value)
    const members = Object.hasOwn(groups, name) ? groups[name]! : []
    for (const person of members) people.add(person)
    if (members.length > 0) continue
    known = false
    const all = Object.keys(groups)
    const hint = `${didYouMean(name, all)} (groups: ${all.join(', ') || 'none'})`
    reporter.warning('unknown-group', scalar, `No configured person is in the group "${name}".${hint}`)
  }
  const count = approval.int('count') ?? 1
  if (!known || people.size >= count) return
  const members = people.size === 1 ? '1 person' : `${people.size} people`
  const message = `${count} different people must approve, but only ${members} can: ${[...people].join(', ') || 'nobody'}.`
  reporter.warning('too-few-approvers', approval.at('count'), message)
}

/** With `holds`, `until` also checks that the written value stays, so there is no warning. */
function warnOfWriteAlone({ reporter }: Context, section: Section, remedy: PlanRemedy): void {
  const verify = section.section('verify')
  const { written, alone } = conditionsOnWrite(remedy)
  if (!verify || !alone || remedy.verify.holdsMs > 0) return
  const message = `This is true as soon as "set" has written the value (${written.join(', ')}), even if nothing recovered. Check what happens after the write, or that the symptom is gone. If nothing follows the write, add "holds" to check that the value stays.`
  reporter.warning('until-is-the-write', verify.at('until'), message)
}

const NOTHING_TO_VERIFY: PlanRemedy['verify'] = {
  checks: [],
  until: { cel: 'true', checks: [], grows: [], shrinks: [] },
  holdsMs: 0,
  everyMs: DEFAULT_POLL_MS,
  withinMs: DEFAULT_POLL_MS,
}

interface VerifyScopes {
  /** The scope of `verify`, with `inputs` and `targets`. */
  afterwards: Scope
  all: NamedSection[]
  diagnosis: CompiledChecks
}

function compileVerify(
  context: Context,
  section: Section,
  scopes: VerifyScopes,
  writes: boolean,
): PlanRemedy['verify'] {
  const verify = verifySection(context, section, scopes.all)
  if (!verify) {
    if (writes && !section.has('verify')) {
      const message = 'This remedy changes something, so it needs "verify", which checks that it helped.'
      context.reporter.error('missing-verify', section.at('do'), message)
    }
    return NOTHING_TO_VERIFY
  }
  const polled = compilePolled(context, verify, scopes.afterwards, scopes.diagnosis)
  if (!polled) return NOTHING_TO_VERIFY
  const holdsMs = verify.duration('holds') ?? 0
  if (holdsMs >= polled.withinMs && verify.has('holds')) {
    const message = '"holds" must be shorter than "within", or the verification can never succeed.'
    context.reporter.error('verify-times', verify.at('holds'), message)
  }
  return { ...polled, holdsMs }
}

/** The `verify` of the remedy, or the `verify` of the remedy that it names in `like`. */
function verifySection(context: Context, section: Section, all: NamedSection[]): Section | undefined {
  const verify = section.section('verify')
  if (!verify?.has('like')) return verify
  const extra = ['again', 'checks', 'until', 'holds', 'every', 'within'].find((field) => verify.has(field))
  if (extra !== undefined) {
    const message = `"like" uses the whole verification of another remedy: remove "${extra}", or remove "like".`
    context.reporter.error('like-with-more', verify.keyOf(extra), message)
  }
  const name = verify.text('like')
  const known = all.filter((one) => one.section.section('verify')?.has('until')).map((one) => one.name)
  const other = all.find((one) => one.name === name && known.includes(one.name))
  if (name !== undefined && !other) {
    const message = `No remedy "${name}" has a verification of its own.${didYouMean(name, known)} (remedies that have one: ${known.join(', ') || 'none'})`
    context.reporter.error('unknown-remedy', verify.at('like'), message)
  }
  return other?.section.section('verify')
}
