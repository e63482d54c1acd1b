import type { Preview, PreviewedProposal } from '../../engine/preview.ts'
import type { LoadedRunbook } from '../../engine/catalogue.ts'
import { graphOf } from '../../engine/views/graph.ts'
import { describeTerms } from '../../core/policy.ts'
import { humanDuration } from '../../core/duration.ts'
import type { JsonObject } from '../../core/json.ts'
import { ActionList, TargetChanges } from './actions.tsx'
import { DataTable } from './data-table.tsx'
import { Graph } from './graph.tsx'
import type { PageContext } from './page-context.ts'
import { Fields, Result } from './result.tsx'
import { runbookPath } from './runbook-list.tsx'
import { TriggerForm, type GivenInputs } from './trigger-form.tsx'
import { Data, plural, runsOnce, Short } from './words.tsx'

interface PreviewProps {
  runbook: LoadedRunbook
  preview: Preview
  given: GivenInputs
  page: PageContext
  request: string
}

const SYMPTOM = { true: 'is present', false: 'is not present', undetermined: 'could not be determined' } as const
const HOLDS = { true: 'holds', false: 'ruled out', undetermined: 'undetermined' } as const

/** What a runbook would do now. */
export function PreviewPage({ runbook: { plan }, preview, given, page, request }: PreviewProps) {
  return (
    <>
      <p>
        <a href={runbookPath(plan.name)}>Back to {plan.name}</a>
      </p>
      <h1>Preview of {plan.name}</h1>
      <p class="notice">Nothing was changed, nothing was stored, nobody was notified.</p>
      <p>The symptom {SYMPTOM[`${preview.symptom}`]}.</p>
      {Object.keys(preview.inputs).length > 0 && (
        <details>
          <summary>With these inputs</summary>
          <Fields fields={preview.inputs} />
        </details>
      )}
      <section class="card">
        <Outcome preview={preview} />
        <Graph graph={graphOf(plan, preview)} label={`${plan.name}: the path that it would take`} />
        <DataTable
          caption="Checks"
          columns={['check', 'result', 'took', 'problem']}
          rows={preview.checks.map(({ name, status, durationMs, error }) => [
            name,
            status === 'ok' ? 'read' : status,
            humanDuration(durationMs),
            error === undefined ? 'none' : <Short value={error} />,
          ])}
          empty="No check ran."
        />
        {preview.checks.map(
          ({ name, result, truncated }) => result && <CheckResult {...{ name, result, truncated }} />,
        )}
        <DataTable
          caption="Causes"
          columns={['cause', 'judged', 'because']}
          rows={preview.causes.map(({ cause, holds, because }) => [
            cause,
            HOLDS[`${holds}`],
            <Short value={because} />,
          ])}
          empty="No cause was judged."
        />
        <DataTable
          caption="Columns that differ from those of the database"
          columns={['check', 'column', 'problem']}
          rows={preview.columns.map(({ check, column, message }) => [check, column, <Short value={message} />])}
          empty="All declared columns are those of the database."
        />
      </section>
      <section class="card">
        <h2>Again, or open an incident</h2>
        <TriggerForm plan={plan} page={page} given={given} request={request} />
      </section>
    </>
  )
}

/** The rows that a check found; at most 20 of each list, so that the page stays small. */
function CheckResult({ name, result, truncated }: { name: string; result: JsonObject; truncated: boolean }) {
  return (
    <details>
      <summary>What {name} found</summary>
      {truncated && <p class="notice">The system has more than this result.</p>}
      <Result value={result} maxRows={20} />
    </details>
  )
}

function Outcome({ preview: { proposal, end } }: { preview: Preview }) {
  if (proposal) return <Proposal proposal={proposal} />
  if (!end) return <p>Nothing would be proposed.</p>
  return (
    <p>
      <strong>The incident would be closed: {end.outcome}.</strong> <Short value={end.reason} />
      {end.message !== null && (
        <>
          {' '}
          Notification: <Short value={end.message} />
        </>
      )}
    </p>
  )
}

function Proposal({ proposal }: { proposal: PreviewedProposal }) {
  const { title, risk, because, affected, approval, targets, actions } = proposal
  return (
    <>
      <h2>It would propose: {title}</h2>
      <p class="facts">
        <span>{runsOnce({ targets }) ? 'done once' : `${targets.length} of ${plural(affected, 'target')}`}</span>{' '}
        <span class={`risk-${risk}`}>risk: {risk}</span>{' '}
        <span>
          {approval.auto ? 'needs no approval' : `${plural(approval.count, 'approval')} of ${approval.by.join(' or ')}`}
        </span>
      </p>
      <p>
        Because <Data value={because} />
        {approval.policy && ` · ${describeTerms(approval.policy)}`}
      </p>
      <TargetChanges proposal={{ targets, actions }} choose={false} />
      <ActionList actions={actions} />
    </>
  )
}
