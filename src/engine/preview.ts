import { describeColumns } from '../../activities/checks/describe-columns.ts'
import { previewAction } from '../../activities/preview-action.ts'
import { runCheck } from '../../activities/checks/run-check.ts'
import { digest } from '../core/canonical.ts'
import { messageOf } from '../core/errors.ts'
import type { Evidence } from '../core/evidence.ts'
import type { Finding, Outcome } from '../core/incident.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { Plan, PlanCheck } from '../core/plan.ts'
import type { ProposedAction, ProposedTarget } from '../core/proposal.ts'
import { evaluateCauses, evaluateCondition } from '../interpreter/find.ts'
import type { CheckRequest, ClosingRequest, Host, ProposalDraft } from '../interpreter/host.ts'
import { runIncident } from '../interpreter/run-incident.ts'
import { scopeOf, withEvidence } from '../interpreter/scope.ts'
import type { Targets } from '../targets/targets.ts'

/** What a runbook would do now. */
export interface Preview {
  runbook: string
  incident: string
  inputs: JsonObject
  symptom: true | false | 'undetermined'
  checks: (Evidence & { parameters: JsonObject })[]
  causes: Finding[]
  /** The cause that would be treated. */
  cause: string | null
  /** null: nothing would be proposed; `end` says what instead. */
  proposal: PreviewedProposal | null
  end: { outcome: Outcome; reason: string; message: string | null } | null
  /** Declared columns that are not what the server describes, of all checks with SQL. */
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
  approval: ProposalDraft['approval']
}

/**
 * Carries an incident up to its first gate, with real checks by read credentials, and looks at what would be proposed. Nothing is
 * stored, nobody is told, nothing is changed. What cannot be looked at is in the answer; it does not throw.
 */
export async function previewRunbook(plan: Plan, inputs: JsonObject, targets: Targets): Promise<Preview> {
  const host = new PreviewHost(targets)
  await runIncident(plan, { incident: 'preview', planDigest: digest(plan as unknown as Json), inputs }, host).catch(
    (error: unknown) => {
      if (error !== host.atTheGate) throw error
    },
  )
  const checks = plan.checks.flatMap((check) => host.found.find((one) => one.name === check.name) ?? [])
  const known = plan.checks.filter((check) => checks.some(({ name }) => name === check.name))
  const scope = withEvidence(scopeOf(plan, inputs), known, checks)
  const symptom = evaluateCondition(plan.symptom, scope)
  return {
    runbook: plan.name,
    incident: plan.incident,
    inputs,
    symptom: 'value' in symptom ? symptom.value === true : 'undetermined',
    checks,
    causes: evaluateCauses(plan, scope).map(({ finding }) => finding),
    cause: host.draft?.cause ?? null,
    proposal: host.draft ? await proposalOf(host.draft, targets) : null,
    end: host.closing
      ? { outcome: host.closing.outcome, reason: host.closing.reason, message: host.message ?? null }
      : null,
    columns: await columnsOf(plan, targets),
  }
}

async function proposalOf(draft: ProposalDraft, targets: Targets): Promise<PreviewedProposal> {
  const { remedy, title, risk, because, affected, approval } = draft
  const signal = AbortSignal.timeout(60_000)
  const actions = await Promise.all(
    draft.actions.map(async (action): Promise<ProposedAction> => ({
      ...action,
      preview: await previewAction(action.kind, action.with, { targets, signal }),
    })),
  )
  return { remedy, title, risk, because, affected, approval, targets: draft.targets, actions }
}

/** Checks that read SQL, those of remedies included: a wrong column there would only show after something was applied. */
async function columnsOf(plan: Plan, targets: Targets): Promise<Preview['columns']> {
  const ofRemedies = Object.values(plan.remedies).flatMap(({ name: remedy, verify, actions }) =>
    [...verify.checks, ...actions.flatMap((action) => action.wait?.checks ?? [])].map((check) => ({
      check,
      name: `${remedy}/${check.name}`,
    })),
  )
  const all = [...plan.checks.map((check) => ({ check, name: check.name })), ...ofRemedies]
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

/** The world up to the first gate: checks are real, and everything else is only noted. */
class PreviewHost implements Host {
  readonly found: Preview['checks'] = []
  readonly atTheGate = new Error('a preview ends at the gate')
  readonly #targets: Targets
  draft: ProposalDraft | undefined
  closing: ClosingRequest | undefined
  message: string | undefined

  constructor(targets: Targets) {
    this.#targets = targets
  }

  async runChecks(requests: CheckRequest[]): Promise<Evidence[]> {
    const found = await Promise.all(requests.map((request) => this.#look(request)))
    this.found.push(...found.map((evidence, i) => ({ ...evidence, parameters: requests[i]!.parameters })))
    return found
  }

  async #look(request: CheckRequest): Promise<Evidence> {
    const { place, name, kind, unavailable: error } = request
    if (error === undefined) return runCheck(request, this.#targets)
    const startedAt = new Date().toISOString()
    const ref = digest({ error })
    return { place, name, kind, status: 'failed', error, ref, truncated: false, startedAt, durationMs: 0 }
  }

  async propose(draft: ProposalDraft): Promise<never> {
    this.draft = draft
    throw this.atTheGate
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
    return error === this.atTheGate
  }

  setStatus(): void {}
  resolveGate = beyondTheGate
  waitForSignal = beyondTheGate
  apply = beyondTheGate
  poll = beyondTheGate

  clock(): never {
    throw new Error(BEYOND)
  }
}

const BEYOND = 'a preview ends at the gate, and nothing beyond it is ever done'

async function beyondTheGate(): Promise<never> {
  throw new Error(BEYOND)
}
