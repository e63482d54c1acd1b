import type { TargetState } from '../../core/effect.ts'
import { humanDuration } from '../../core/duration.ts'
import { ALL_TARGETS, whyNoApproval } from '../../core/proposal.ts'
import { answersText } from '../../engine/views/answers.ts'
import type { CheckView, IncidentView, RoundView } from '../../engine/views/view-types.ts'
import { ActionList, TargetChanges } from './actions.tsx'
import { WithdrawForm } from './act-forms.tsx'
import { DataTable } from './data-table.tsx'
import { Decisions } from './gate-card.tsx'
import type { PageContext } from './page-context.ts'
import { Ago, Data, incidentPath, plural } from './words.tsx'

/** The rounds of an incident, the latest first. Only the latest round is expanded. */
export function Rounds({ view, page }: { view: IncidentView; page: PageContext }) {
  const last = view.rounds.at(-1)
  return (
    <>
      {view.rounds.toReversed().map((round) => (
        <details class="card" open={round === last}>
          <summary>
            <h2>Round {round.round}</h2>
          </summary>
          <Causes round={round} />
          <Checks id={view.id} round={round} />
          {round.gate && round.gate.state !== 'open' && (
            <Remedy view={view} round={round} isOver={round !== last || view.closedAt !== null} page={page} />
          )}
        </details>
      ))}
    </>
  )
}

const HOLDS = { true: ['✓', 'holds'], false: ['✗', 'ruled out'], undetermined: ['?', 'undetermined'] } as const

function Causes({ round }: { round: RoundView }) {
  if (round.causes.length === 0) return <p>No cause was judged yet.</p>
  return (
    <ul class="causes">
      {round.causes.map(({ cause, title, holds, because }) => {
        const [mark, word] = HOLDS[`${holds}`]
        return (
          <li class={`cause-${holds}`}>
            <span aria-hidden="true">{mark}</span> <strong>{cause}</strong> <span class="state">{word}</span>: {title}
            {because !== '' && (
              <p class="small">
                <Data value={because} />
              </p>
            )}
          </li>
        )
      })}
    </ul>
  )
}

function Checks({ id, round }: { id: string; round: RoundView }) {
  const again = round.looks > 1 ? `; the checks ran ${round.looks} times, and these are the last results` : ''
  return (
    <DataTable
      caption={`Evidence${again}`}
      columns={['check', 'result', 'took']}
      rows={round.checks.map((check) => [
        <>
          <a href={`${incidentPath(id)}/evidence/${check.ref}`}>{check.name}</a> <span class="small">{check.kind}</span>
        </>,
        <CheckResult check={check} />,
        humanDuration(check.durationMs),
      ])}
      empty={round.causes.length > 0 ? 'No check was run.' : 'No check has ended yet.'}
      limit={Infinity}
    />
  )
}

function CheckResult({ check: { status, rows, truncated, error } }: { check: CheckView }) {
  if (status !== 'ok')
    return (
      <strong>
        {status === 'timeout' ? 'timed out' : 'failed'}: <Data value={error ?? 'no reason was recorded'} />
      </strong>
    )
  if (rows === null) return <>read</>
  return (
    <>
      {plural(rows, 'row')}
      {truncated && ' or more (the result was cut)'}
    </>
  )
}

const STATES: Record<TargetState, string> = {
  unknown: 'unknown',
  refused: 'refused',
  permitted: 'being applied',
  proposed: 'not applied yet',
  skipped: 'skipped',
  'not-approved': 'not approved',
  applied: 'applied',
}

/** A remedy whose gate is decided: what was proposed, who decided, and what happened to each target. */
function Remedy(props: { view: IncidentView; round: RoundView; isOver: boolean; page: PageContext }) {
  const { view, round, isOver, page } = props
  const { now } = page
  const gate = round.gate!
  return (
    <section>
      <h3>
        Remedy: {gate.proposal.title} <span class="state">{gate.state}</span>
      </h3>
      {gate.auto && <p>It {whyNoApproval(gate.proposal)}.</p>}
      {gate.why !== null && (
        <p>
          <Data value={gate.why} />
        </p>
      )}
      <Decisions gate={gate} now={now} />
      {!isOver && round.effects.length === 0 && <WithdrawForm id={view.id} gate={gate} page={page} />}
      <ul class="targets">
        {round.targets.map(({ key, state, why }) => (
          <li>
            <strong>
              <Data value={key === ALL_TARGETS ? 'the remedy' : key} />
            </strong>{' '}
            <span class={`state state-${state}`}>{isOver && state === 'proposed' ? 'not applied' : STATES[state]}</span>
            {why !== null && (
              <>
                : <Data value={why} />
              </>
            )}
          </li>
        ))}
      </ul>
      <Effects round={round} now={now} />
      <details>
        <summary>What was proposed, with the values of that time</summary>
        <TargetChanges proposal={gate.proposal} choose={false} />
        <ActionList actions={gate.proposal.actions} />
      </details>
    </section>
  )
}

function Effects({ round, now }: { round: RoundView; now: number }) {
  return (
    <>
      {round.effects.length > 0 && (
        <ul class="effects">
          {round.effects.map((effect) => (
            <li>
              {effect.action}
              {effect.target !== ALL_TARGETS && (
                <>
                  {' '}
                  on <Data value={effect.target} />
                </>
              )}
              : <span class={`state state-${effect.result}`}>{effect.result}</span> <Ago at={effect.at} now={now} />
              {effect.detail !== '' && (
                <>
                  {' '}
                  · <Data value={effect.detail + answersText(effect)} />
                </>
              )}
            </li>
          ))}
        </ul>
      )}
      {round.verified !== null && (
        <p>
          <strong>{round.verified ? 'Verified: the remedy helped.' : 'The remedy did not help.'}</strong>
        </p>
      )}
      {round.unverifiable && <p>The remedy has no checks that verify it.</p>}
    </>
  )
}
