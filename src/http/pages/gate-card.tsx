import { hasNextCause, type Finding } from '../../core/incident.ts'
import { humanDuration } from '../../core/duration.ts'
import { furtherDemands } from '../../core/policy.ts'
import { strengthText } from '../../core/strength.ts'
import type { OpenGateForReader } from '../../engine/views/incident-for-reader.ts'
import type { TrackRecord } from '../../engine/views/track-record.ts'
import type { GateView } from '../../engine/views/view-types.ts'
import { WithdrawForm } from './act-forms.tsx'
import { ActionList, TargetChanges } from './actions.tsx'
import { PostForm } from './layout.tsx'
import type { PageContext } from './page-context.ts'
import {
  Ago,
  approversOf,
  Countdown,
  Data,
  Expiry,
  IncidentLink,
  incidentPath,
  plural,
  runsOnce,
  targetCount,
} from './words.tsx'

interface GateProps {
  id: string
  open: OpenGateForReader
  page: PageContext
  /** The causes that were evaluated in the gate's round. */
  findings: Finding[]
}

/** An open proposal: what would be done, the targets, when the proposal expires, who may approve, and the forms to decide. */
export function GateCard({ id, open, page, findings }: GateProps) {
  const { gate, deciders, record } = open
  const { proposal } = gate
  return (
    <section class="card gate" aria-labelledby="gate-title" data-expires={gate.expiresAt}>
      <h2 id="gate-title">{proposal.title}</h2>
      <p class="facts">
        <span>{targetCount(proposal)}</span> <span class={`risk-${proposal.risk}`}>risk: {proposal.risk}</span>{' '}
        <span>
          {approversOf(gate).length} of {plural(gate.required, 'approval')}
        </span>{' '}
        <span>
          expires in <Expiry until={gate.expiresAt} now={page.now} />
        </span>
      </p>
      <p id="gate-closed" class="problem" role="alert" hidden />
      <p>
        Because <Data value={proposal.because} /> <span class="small">({proposal.cause})</span>
      </p>
      <Obstacles gate={gate} now={page.now} />
      <ApproveForm id={id} open={open} />
      <h3>What exactly will be done</h3>
      <ActionList actions={proposal.actions} />
      <Terms gate={gate} widened={open.widened} />
      <Record record={record} now={page.now} />
      <Decisions gate={gate} now={page.now} />
      <WithdrawForm id={id} gate={gate} page={page} />
      {deciders.mayNotReject === null ? (
        <RejectForm id={id} gate={gate} page={page} hasNext={hasNextCause(findings, proposal.cause)} />
      ) : (
        <p class="notice">You may not reject this: {deciders.mayNotReject}.</p>
      )}
    </section>
  )
}

/** The form that leads to the page which asks for confirmation. Nothing is decided here. */
function ApproveForm({ id, open: { gate, deciders } }: Pick<GateProps, 'id' | 'open'>) {
  const { proposal } = gate
  const approvers = approversOf(gate)
  if (approvers.includes(deciders.reader))
    return (
      <>
        <p class="notice">
          You have approved this. {plural(Math.max(0, gate.required - approvers.length), 'more approval')} of other
          people {gate.required - approvers.length === 1 ? 'is' : 'are'} needed.
        </p>
        <TargetChanges proposal={proposal} choose={false} />
      </>
    )
  if (deciders.mayNotApprove !== null)
    return (
      <>
        <p class="notice">
          You may not approve this: {deciders.mayNotApprove}.{' '}
          {deciders.lacksPasskey && <a href="/account">My account</a>}
        </p>
        <TargetChanges proposal={proposal} choose={false} />
      </>
    )
  return (
    <form method="get" action={`${incidentPath(id)}/approve`} class="approve">
      <input type="hidden" name="digest" value={gate.proposalDigest} />
      <TargetChanges proposal={proposal} choose={proposal.approval.inPart && proposal.targets.length > 1} />
      <button type="submit" class="main" data-decides>
        Approve: {proposal.title}
        {!runsOnce(proposal) && (
          <>
            {' '}
            (<span data-chosen>{proposal.targets.length}</span> {proposal.targets.length === 1 ? 'target' : 'targets'})
          </>
        )}
      </button>
      <p class="small">A second page asks you to confirm.</p>
    </form>
  )
}

function RejectForm(props: { id: string; gate: GateView; page: PageContext; hasNext: boolean }) {
  const { id, gate, page, hasNext } = props
  return (
    <details class="reject">
      <summary>Reject …</summary>
      <PostForm action={`${incidentPath(id)}/decision`} session={page.session!} class="stack">
        <input type="hidden" name="decision" value="reject" />
        <input type="hidden" name="gate" value={gate.id} />
        <input type="hidden" name="digest" value={gate.proposalDigest} />
        <label for="reason">Why (required; everybody who reads the incident sees it)</label>
        <textarea id="reason" name="comment" rows={3} maxlength={2000} required />
        {hasNext && (
          <label class="choice">
            <input type="checkbox" name="nextCause" value="yes" />
            <span>Propose a remedy for the next cause that holds instead of ending the incident</span>
          </label>
        )}
        <button type="submit" data-decides>
          Reject: nothing is changed
        </button>
      </PostForm>
    </details>
  )
}

/** The limits of the remedy: what delays some targets, and until when. */
function Obstacles({ gate, now }: { gate: GateView; now: number }) {
  return (
    <>
      {gate.obstacles.map(({ message, endsAt }) => (
        <p class="notice">
          <Data value={message} />
          {Date.parse(endsAt) > now && (
            <>
              , for another <Countdown until={endsAt} now={now} />
            </>
          )}
        </p>
      ))}
    </>
  )
}

function Terms({ gate, widened }: { gate: GateView; widened: boolean }) {
  const { approval, limits } = gate.proposal
  const demands = approval.policy && furtherDemands(approval.policy, gate.groups)
  const limitTexts = [
    ...(runsOnce(gate.proposal) ? [] : [`at most ${plural(limits.maxTargets, 'target')} at a time`]),
    ...(limits.perHour === undefined ? [] : [`at most ${limits.perHour} in an hour`]),
    ...(limits.cooldownMs === undefined ? [] : [`the same target again after ${humanDuration(limits.cooldownMs)}`]),
  ]
  return (
    <dl>
      <dt>Who decides</dt>
      <dd>
        {plural(gate.required, 'approval')} from {gate.groups.join(' or ')}
        {approval.strength && ` · ${strengthText(approval.strength)}`}
        {demands && ` · ${demands}`}
      </dd>
      <dt>If nobody decides</dt>
      <dd>
        {approval.onTimeout === 'escalate' && !widened
          ? `${approval.escalateTo.join(', ')} may decide too, for the same time again`
          : 'the proposal expires and nothing is changed'}
      </dd>
      <dt>After the approval</dt>
      <dd>
        each target is checked again; the remedy may begin for {humanDuration(approval.validForMs)}, and then the
        approval is no longer valid
      </dd>
      {limitTexts.length > 0 && <dt>Limits</dt>}
      {limitTexts.length > 0 && <dd>{limitTexts.join('; ')}</dd>}
      <dt>Proposal</dt>
      <dd>
        {gate.id}, digest <code>{gate.proposalDigest.slice(0, 12)}</code>
      </dd>
    </dl>
  )
}

/** The results of this remedy in earlier incidents. */
function Record({ record, now }: { record: TrackRecord; now: number }) {
  const { uses, verified, healthy, medianMs, lastFailure, lastUsedAt, newTargets } = record
  if (uses === 0) return <p>This remedy was never used before.</p>
  return (
    <p>
      This remedy: used {plural(uses, 'time')} before (last {lastUsedAt && <Ago at={lastUsedAt} now={now} />}
      ).{' '}
      {verified === 0
        ? 'None of these uses was verified.'
        : `${healthy} of ${verified} verified uses were healthy afterwards${medianMs === null ? '' : `, after a median of ${humanDuration(medianMs)}`}.`}{' '}
      {lastFailure !== null && (
        <>
          The last time that it did not help was in <IncidentLink id={lastFailure} />.{' '}
        </>
      )}
      {newTargets.length > 0 && (
        <>
          Never used on <Data value={newTargets.join(', ')} />.
        </>
      )}
    </p>
  )
}

/** The decisions on a gate. */
export function Decisions({ gate, now }: { gate: GateView; now: number }) {
  if (gate.decisions.length === 0) return null
  return (
    <ul class="decisions">
      {gate.decisions.map((one) => (
        <li>
          <strong>{one.person}</strong> {one.decision === 'approve' ? 'approved' : 'rejected'}{' '}
          <Ago at={one.at} now={now} />
          {one.targets && (
            <>
              {' '}
              for <Data value={one.targets.join(', ')} />
            </>
          )}
          {one.breakGlass !== null && (
            <>
              {' '}
              by break-glass: <Data value={one.breakGlass} />
            </>
          )}
          {one.comment && (
            <>
              : <Data value={one.comment} />
            </>
          )}
          {one.withdrawn && ' (withdrawn)'}
        </li>
      ))}
    </ul>
  )
}
