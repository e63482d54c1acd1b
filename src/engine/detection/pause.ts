import { RunbookError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import type { Person } from '../../core/person.ts'
import { pauseOf, switchControl } from '../../gate/controls.ts'
import type { LoadedRunbook } from '../catalogue.ts'
import { decidingGroups, requireGroup } from '../deciding-groups.ts'
import type { Engine } from '../engine.ts'

/**
 * Pauses the samples of a runbook, or resumes them. Samples of its open incidents, which an alert can ask for, continue. Members of the
 * groups that approve the runbook's remedies may pause it; the change is recorded in the history of the controls. Throws
 * `RUNBOOK_NOT_FOUND`, `RUNBOOK_NOT_ALLOWED`, `RUNBOOK_CONFLICT`.
 */
export async function pauseDetection(
  engine: Engine,
  person: Person,
  { runbook, on, reason }: { runbook: string; on: boolean; reason: string },
): Promise<void> {
  const { plan } = watchedRunbook(engine, runbook)
  requireGroup(person, decidingGroups([plan]), `${on ? 'pause' : 'resume'} the detection of ${runbook}`)
  const change = { control: pauseOf(runbook), on, person: person.name, reason }
  if (!(await switchControl(engine.database, change)))
    throw new RunbookError('RUNBOOK_CONFLICT', `the detection of ${runbook} is ${on ? 'already' : 'not'} paused`)
}

function watchedRunbook({ catalogue }: Engine, name: string): LoadedRunbook {
  const found = catalogue.byName.get(name)
  if (found?.plan.detect) return found
  const known = [...catalogue.byName.values()].filter(({ plan }) => plan.detect).map(({ plan }) => plan.name)
  const suggestion = nearest(name, known)
  const hint = suggestion ? `; did you mean ${suggestion}?` : ''
  throw new RunbookError(
    'RUNBOOK_NOT_FOUND',
    found
      ? `the runbook ${name} has no section "detect", so it is not sampled`
      : `no runbook ${name}${hint} (with "detect": ${known.join(', ') || 'none'})`,
  )
}
