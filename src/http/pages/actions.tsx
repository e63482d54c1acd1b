import type { JsonObject } from '../../core/json.ts'
import { ALL_TARGETS, type Proposal, type ProposedAction } from '../../core/proposal.ts'
import { placeOf } from '../../engine/views/action-place.ts'
import { changedFields } from '../../engine/views/changed-fields.ts'
import { DataTable } from './data-table.tsx'
import { Code, Data } from './words.tsx'

interface TargetProps {
  proposal: Pick<Proposal, 'targets' | 'actions'>
  choose: boolean
}

/**
 * The targets of a proposal, each with what changes. With `choose`, each target has a box to tick; the value of the box is the target's
 * number.
 */
export function TargetChanges({ proposal, choose }: TargetProps) {
  const targets = proposal.targets.filter(({ key }) => key !== ALL_TARGETS)
  if (targets.length === 0) return null
  return (
    <fieldset class="targets">
      <legend>{choose ? 'Targets (untick to leave out)' : 'Targets'}</legend>
      {targets.map(({ key }, number) => {
        const changes = proposal.actions
          .filter(({ target }) => target === key)
          .flatMap(({ preview }) => (preview.rows ?? []).flatMap(changedFields))
        const text = (
          <span>
            <strong>
              <Data value={key} />
            </strong>
            {changes.map(({ name, before, after }) => (
              <span class="change">
                {' '}
                <Data value={name} />: <Data value={before} /> → <Data value={after} />
              </span>
            ))}
          </span>
        )
        if (!choose) return <p class="choice">{text}</p>
        return (
          <label class="choice">
            <input type="checkbox" name="target" value={String(number)} checked />
            {text}
          </label>
        )
      })}
    </fieldset>
  )
}

/** Every action in the order in which it is applied: the exact statement or call, its values, and the rows before and after. */
export function ActionList({ actions }: { actions: ProposedAction[] }) {
  return (
    <ol class="actions">
      {actions.map((action) => (
        <li>
          <p>
            <strong>{action.kind}</strong> <Data value={placeOf(action)} />
            {action.target !== ALL_TARGETS && (
              <>
                {' '}
                for{' '}
                <strong>
                  <Data value={action.target} />
                </strong>
              </>
            )}
          </p>
          <Code text={action.preview.summary} />
          {action.preview.warning && (
            <p class="problem">
              <Data value={action.preview.warning} />
            </p>
          )}
          <p class="small">
            Undo: <Data value={action.preview.undo ?? 'no way to undo it is known'} />
            {action.preview.guarantee && (
              <>
                {' '}
                · <Data value={action.preview.guarantee} />
              </>
            )}
            {action.preview.count !== undefined && ` · changes ${action.preview.count} now`}
          </p>
          <details>
            <summary>Values and rows</summary>
            <Code text={JSON.stringify(action.with, null, 2)} />
            {(action.preview.rows ?? []).map(({ before, after }) => (
              <BeforeAfter before={before} after={after} />
            ))}
          </details>
        </li>
      ))}
    </ol>
  )
}

/** The fields of a row before and after the action. All of them are shown, because a person approves them. */
function BeforeAfter({ before, after }: { before: JsonObject; after: JsonObject }) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  const isChanged = (name: string) => JSON.stringify(before[name]) !== JSON.stringify(after[name])
  return (
    <DataTable
      columns={['field', 'now', 'after']}
      rows={names.map((name) => [
        <Data value={name} />,
        Object.hasOwn(before, name) && <Data value={before[name]} />,
        Object.hasOwn(after, name) && <Data value={after[name]} />,
      ])}
      empty="The row has no fields."
      limit={Infinity}
      rowClass={(index) => (isChanged(names[index]!) ? 'changed' : '')}
    />
  )
}
