import { COUNTED_INCIDENTS } from '../../engine/views/runbook-statistics.ts'
import type { RunbookStatistics, RunbookView } from '../../engine/views/view-types.ts'
import { DataTable } from './data-table.tsx'
import { Ago, Short } from './words.tsx'

interface ListProps {
  runbooks: RunbookView[]
  /** By incident type. */
  statistics: Map<string, RunbookStatistics>
  /** Errors in the files as they are now. */
  problems: string[]
  now: number
}

export function RunbookList({ runbooks, statistics, problems, now }: ListProps) {
  return (
    <>
      <h1>Runbooks</h1>
      {problems.map((problem) => (
        <p class="problem">
          <Short value={problem} />
        </p>
      ))}
      <DataTable
        caption={`The loaded runbooks, with the outcomes of the last ${COUNTED_INCIDENTS} incidents of each`}
        columns={['runbook', 'what it treats', 'outcomes', 'last used', 'owner']}
        rows={runbooks.map(({ name, title, incident, owner }) => {
          const found = statistics.get(incident)
          return [
            <a class="button" href={runbookPath(name)}>
              {name}
            </a>,
            <>
              <Short value={title} /> <span class="small">{incident}</span>
            </>,
            found ? outcomesText(found) : 'none',
            found?.lastAt ? <Ago at={found.lastAt} now={now} /> : 'never',
            <Short value={owner ?? ''} />,
          ]
        })}
        empty="No runbook is loaded."
      />
    </>
  )
}

export function runbookPath(name: string): string {
  return `/runbooks/${encodeURIComponent(name)}`
}

/** Such as `7 resolved, 1 escalated`. */
export function outcomesText({ outcomes }: RunbookStatistics): string {
  const texts = Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`)
  return texts.join(', ') || 'none'
}
