import { describeColumns } from '../../activities/checks/describe-columns.ts'
import { previewAction } from '../../activities/preview-action.ts'
import { observeRequest } from '../../activities/run-checks.ts'
import { isAutoApproved } from '../../activities/is-auto-approved.ts'
import type { Config } from '../config/config.ts'
import { effectiveApproval } from '../core/approval.ts'
import { digest } from '../core/canonical.ts'
import { messageOf } from '../core/errors.ts'
import type { Evidence } from '../core/evidence.ts'
import type { Finding, Outcome } from '../core/incident.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { Plan, PlanCheck } from '../core/plan.ts'
import { policyAction, policyTerms } from '../core/policy.ts'
import type { ProposedAction, ProposedApproval, ProposedTarget } from '../core/proposal.ts'
import { evaluateCauses, evaluateCondition, type Evaluation } from '../interpreter/find.ts'
import type { CheckRequest, ClosingRequest, Host, ProposalDraft } from '../interpreter/host.ts'
import { allowsPartialApproval } from '../interpreter/render.ts'
import { runIncident } from '../interpreter/run-incident.ts'
import { scopeOf, withEvidence } from '../interpreter/scope.ts'
import type { NamedValue } from '../language/compile/compile-names.ts'
import type { Targets } from '../targets/targets.ts'

/** What a runbook would do now. A preview changes nothing. */
export interface Preview {
  runbook: string
  incident: string
  inputs: JsonObject
  symptom: true | false | 'undetermined'
  checks: (Evidence & { parameters: JsonObject })[]
  /** The names of `let`, in the order of the file. */
  names: ({ name: string } & Evaluation)[]
  causes: Finding[]
  /** The cause that the remedy would treat. */
  cause: string | null
  /** The proposal; null if nothing would be proposed. Then `end` holds the outcome. */
  proposal: PreviewedProposal | null
  end: { outcome: Outcome; reason: string; message: string | null } | null
  /** Columns that an SQL check declares differently from what the server returns. */
  columns: { check: string; column: string; message: string }[]
}

export interface PreviewedProposal {
  remedy: string
  title: string
  risk: string
  because: string
  affected: number
  targets: ProposedTarget[]
  actions: ProposedAction[]
  /** The terms of the approval: the stricter of the runbook's terms and the configuration's terms. */
  approval: ProposedApproval & { withinMs: number }
}

/** The settings of the configuration that determine who must approve. */
export type ApprovalRules = Pick<Config, 'auto' | 'policy' | 'requesterMayApprove'>

/**
 * Runs an incident up to its first gate, with real checks on read credentials, and previews the proposal. It stores nothing, notifies
 * nobody and changes nothing. A failed check is reported in the answer; it does not throw.
 */
export async function previewRunbook(
  plan: Plan,
  inputs: JsonObject,
  targets: Targets,
  rules: ApprovalRules,
  names: readonly NamedValue[] = [],
): Promise<Preview> {
  const host = new PreviewHost(targets)
  // A preview runs the diagnosis only once, because the person who asked for it can ask again.
  const { ineffective, total } = plan.rounds
  await runIncident(
    { ...plan, rounds: { ineffective, total } },
    { incident: 'preview', planDigest: digest(plan as unknown as Json), inputs },
    host,
  ).catch((error: unknown) => {
    if (error !== host.atGate) throw error
  })
  const checks = plan.checks.flatMap((check) => host.evidence.find((one) => one.name === check.name) ?? [])
  const known = plan.checks.filter((check) => checks.some(({ name }) => name === check.name))
  const scope = withEvidence(scopeOf(plan, inputs), known, checks)
  const symptom = evaluateCondition(plan.symptom, scope)
  return {
    runbook: plan.name,
    incident: plan.incident,
    inputs,
    symptom: 'value' in symptom ? symptom.value === true : 'undetermined',
    checks,
    names: names.map(({ name, expression }) => ({ name, ...evaluateCondition(expression, scope) })),
    causes: evaluateCauses(plan, scope).map(({ finding }) => finding),
    cause: host.draft?.cause ?? null,
    proposal: host.draft ? await proposalOf(host.draft, targets, rules) : null,
    end: host.closing
      ? { outcome: host.closing.outcome, reason: host.closing.reason, message: host.message ?? null }
      : null,
    columns: await columnsOf(plan, targets),
  }
}

async function proposalOf(draft: ProposalDraft, targets: Targets, rules: ApprovalRules): Promise<PreviewedProposal> {
  const { remedy, title, risk, because, affected, escalateTo } = draft
  const { stored, withinMs } = effectiveApproval(draft.approval, {
    risk,
    escalateTo,
    inPart: allowsPartialApproval(draft.actions),
    isAutoAllowed: draft.actions.every((action) => isAutoApproved(rules, action)),
    requesterMayApprove: rules.requesterMayApprove,
    terms: policyTerms(rules.policy, risk, draft.actions.map(policyAction)),
  })
  const approval = { ...stored, withinMs }
  const signal = AbortSignal.timeout(60_000)
  const obstacles = new Map()
  const actions = await Promise.all(
    draft.actions.map(async (action): Promise<ProposedAction> => ({
      ...action,
      preview: await previewAction(action.kind, action.with, { targets, signal, obstacles }),
    })),
  )
  return { remedy, title, risk, because, affected, approval, targets: draft.targets, actions }
}

/**
 * Compares the columns of all SQL checks. Those of remedies are included, because a wrong column there would otherwise
 * be found only after the remedy was applied.
 */
async function columnsOf(plan: Plan, targets: Targets): Promise<Preview['columns']> {
  const remedyChecks = Object.values(plan.remedies).flatMap(({ name: remedy, verify, actions }) =>
    [...verify.checks, ...actions.flatMap((action) => action.wait?.checks ?? [])].map((check) => ({
      check,
      name: `${remedy}/${check.name}`,
    })),
  )
  const all = [...plan.checks.map((check) => ({ check, name: check.name })), ...remedyChecks]
  const found = await Promise.all(
    all
      .filter(({ check }) => check.kind === 'sql.query')
      .map(async ({ check, name }) => {
        const differing = await describeColumns(literals(check), targets).catch((error: unknown) => [
          { column: '*', message: messageOf(error) },
        ])
        return differing.map((one) => ({ check: name, ...one }))
      }),
  )
  return found.flat()
}

function literals(check: PlanCheck): JsonObject {
  return Object.fromEntries(
    Object.entries(check.with).flatMap(([name, value]) => ('lit' in value ? [[name, value.lit] as const] : [])),
  )
}

/** The interpreter's host for a preview. It runs real checks up to the first gate, and keeps everything else in memory. */
class PreviewHost implements Host {
  readonly evidence: Preview['checks'] = []
  readonly atGate = new Error('the preview reached the gate')
  readonly #targets: Targets
  draft: ProposalDraft | undefined
  closing: ClosingRequest | undefined
  message: string | undefined

  constructor(targets: Targets) {
    this.#targets = targets
  }

  async runChecks(requests: CheckRequest[]): Promise<Evidence[]> {
    const found = await Promise.all(
      requests.map(async (request) => (await observeRequest(request, this.#targets)).evidence),
    )
    this.evidence.push(...found.map((one, i) => ({ ...one, parameters: requests[i]!.parameters })))
    return found
  }

  async propose(draft: ProposalDraft): Promise<never> {
    this.draft = draft
    throw this.atGate
  }

  async escalate({ message }: { message: string }): Promise<void> {
    this.message = message
  }

  async handOff(incident: string, inputs: JsonObject): Promise<{ incident: string }> {
    return { incident: `an incident of type ${incident} with ${JSON.stringify(inputs)}` }
  }

  async close(closing: ClosingRequest): Promise<void> {
    this.closing = closing
  }

  async record(): Promise<{ at: string }> {
    return { at: new Date().toISOString() }
  }

  isFatal(error: unknown): boolean {
    return error === this.atGate
  }

  includes(): boolean {
    return true
  }

  setStatus(): void {}
  resolveGate = neverCalled
  waitForSignal = neverCalled
  apply = neverCalled
  poll = neverCalled

  clock(): never {
    throw new Error(NEVER_CALLED)
  }
}

const NEVER_CALLED = 'a preview ends at the gate: nothing is decided, applied or verified'

async function neverCalled(): Promise<never> {
  throw new Error(NEVER_CALLED)
}
