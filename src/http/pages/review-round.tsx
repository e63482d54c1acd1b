import { humanDuration } from '../../core/duration.ts'
import { ALL_TARGETS, whyNoApproval, type ProposedAction } from '../../core/proposal.ts'
import { answersText } from '../../engine/views/answers.ts'
import type { GateView, RoundView } from '../../engine/views/view-types.ts'
import { DataTable } from './data-table.tsx'
import { Data, incidentPath, Short, targetCount, Time } from './words.tsx'

interface RoundProps {
  id: string
  round: RoundView
  isOver: boolean
  linked: boolean
}

const JUDGED = { true: 'holds', false: 'ruled out', undetermined: 'undetermined' } as const

/** A round of an incident: the evidence of that time, the causes and why some do not hold, the proposal, the decisions and the effects. */
export function ReviewRound({ id, round, isOver, linked }: RoundProps) {
  const { gate } = round
  const others = round.causes.filter(({ cause, holds }) => holds === true && cause !== gate?.proposal.cause)
  return (
    <section class="card">
      <h2>Round {round.round}</h2>
      <DataTable
        caption={`Round ${round.round}: causes`}
        columns={['cause', 'judged', 'because']}
        rows={round.causes.map(({ cause, title, holds, because }) => [
          <>
            {cause} <span class="small">{title}</span>
          </>,
          JUDGED[`${holds}`],
          <Short value={because} />,
        ])}
        empty="No cause was evaluated: the symptom was gone, or the round ended earlier."
      />
      {gate && others.length > 0 && (
        <p class="notice">Contributing: {others.map(({ cause }) => cause).join(', ')} held too but was not treated.</p>
      )}
      <DataTable
        caption={`Round ${round.round}: evidence`}
        columns={['check', 'kind', 'result', 'took']}
        rows={round.checks.map(({ name, kind, status, rows, error, ref, durationMs }) => [
          linked ? <a href={`${incidentPath(id)}/evidence/${ref}`}>{name}</a> : name,
          kind,
          status === 'ok' ? rows === null ? 'read' : `${rows} rows` : <Short value={`${status}: ${error ?? ''}`} />,
          humanDuration(durationMs),
        ])}
        empty="No check ended."
      />
      {gate && <Proposal round={round} gate={gate} isOver={isOver} />}
    </section>
  )
}

function Proposal({ round, gate, isOver }: { round: RoundView; gate: GateView; isOver: boolean }) {
  const { proposal } = gate
  return (
    <>
      <h3>
        Proposed: {proposal.title} <span class="state">{gate.state}</span>
      </h3>
      <p>
        {targetCount(proposal)}, risk {proposal.risk}, because <Short value={proposal.because} />
      </p>
      {gate.auto && <p>It {whyNoApproval(proposal)}.</p>}
      {gate.why !== null && (
        <p>
          <Short value={gate.why} />
        </p>
      )}
      <DataTable
        caption={`Round ${round.round}: decisions`}
        columns={['person', 'decision', 'after', 'targets', 'comment']}
        rows={gate.decisions.map((one) => [
          one.person,
          `${one.decision === 'approve' ? 'approved' : 'rejected'}${one.breakGlass === null ? '' : ' by break-glass'}${one.withdrawn ? ', then withdrew it' : ''}`,
          humanDuration(Math.max(0, Date.parse(one.at) - Date.parse(gate.openedAt))),
          <Short value={one.targets?.join(', ') ?? 'all'} />,
          <Short value={[one.breakGlass, one.comment].filter((text) => text !== null).join('; ')} />,
        ])}
        empty={gate.auto ? 'The proposal needed no decision.' : 'Nobody decided.'}
      />
      <DataTable
        caption={`Round ${round.round}: targets`}
        columns={['target', 'result', 'why']}
        rows={round.targets.map(({ key, state, why }) => [
          <Data value={key === ALL_TARGETS ? 'the remedy' : key} />,
          isOver && state === 'proposed' ? 'not applied' : state,
          <Short value={why ?? ''} />,
        ])}
        empty="The proposal had no targets."
      />
      <DataTable
        caption={`Round ${round.round}: effects`}
        columns={['action', 'target', 'result', 'detail', 'at']}
        rows={round.effects.map((effect) => [
          effect.action,
          <Data value={effect.target === ALL_TARGETS ? 'all' : effect.target} />,
          effect.result,
          <Short value={effect.detail + answersText(effect)} />,
          <Time at={effect.at} />,
        ])}
        empty="Nothing was applied."
      />
      <DataTable
        caption={`Round ${round.round}: values before and after, as they were proposed`}
        columns={['target', 'field', 'before', 'after']}
        rows={proposal.actions.flatMap(changesOf)}
        empty="The proposal has no rows to compare."
      />
      <p>
        <strong>{verdictOf(round)}</strong>
      </p>
    </>
  )
}

function changesOf({ target, preview }: ProposedAction) {
  return (preview.rows ?? []).flatMap(({ before, after }) =>
    Object.keys(after)
      .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
      .map((name) => [
        <Data value={target === ALL_TARGETS ? 'the remedy' : target} />,
        <Data value={name} />,
        <Short value={JSON.stringify(before[name]) ?? 'absent'} />,
        <Short value={JSON.stringify(after[name]) ?? 'absent'} />,
      ]),
  )
}

function verdictOf({ verified, unverifiable, effects }: RoundView): string {
  if (verified !== null) return verified ? 'Verified: the remedy helped.' : 'The remedy did not help.'
  if (unverifiable) return 'The remedy has no checks that verify it.'
  return effects.length > 0 ? 'The remedy was not verified.' : 'There was nothing to verify.'
}
