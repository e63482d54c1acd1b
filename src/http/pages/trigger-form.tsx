import type { InputSpec, Plan } from '../../core/plan.ts'
import { PostForm } from './layout.tsx'
import { mayAct, type PageContext } from './page-context.ts'
import { runbookPath } from './runbook-list.tsx'
import { Data } from './words.tsx'

/** The names of the fields with inputs begin with this, so that they differ from the other fields. */
export const INPUT = 'input.'

/** The inputs as they were filled in, by name. */
export type GivenInputs = Record<string, string>

interface TriggerProps {
  plan: Plan
  page: PageContext
  given: GivenInputs
  /** Identifies the form: sending it twice opens one incident. */
  request: string
}

/** The inputs of a runbook as a form, which shows what it would do now or opens an incident. */
export function TriggerForm({ plan, page, given, request }: TriggerProps) {
  if (!mayAct(page)) return <p>Your role "viewer" may not open incidents.</p>
  const path = runbookPath(plan.name)
  return (
    <PostForm action={`${path}/preview`} session={page.session!} class="stack">
      <input type="hidden" name="request" value={request} />
      {Object.entries(plan.inputs).map(([name, spec]) => (
        <Field name={name} spec={spec} value={given[name]} />
      ))}
      <button type="submit">Preview (changes nothing)</button>
      <button type="submit" class="main" formaction={`${path}/trigger`}>
        Open an incident of type {plan.incident} in {page.environment}
      </button>
    </PostForm>
  )
}

const TYPES: Record<InputSpec['type'], string> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  bool: 'true or false',
  duration: 'a duration such as 30s, 15m or 24h',
}

function Field({ name, spec, value }: { name: string; spec: InputSpec; value: string | undefined }) {
  const id = `${INPUT}${name}`
  const isNeeded = spec.default === undefined && !spec.optional
  const choices = spec.enum ?? (spec.type === 'bool' ? [true, false] : undefined)
  return (
    <>
      <label for={id}>
        <strong>{name}</strong>
        {spec.description !== undefined && (
          <>
            : <Data value={spec.description} />
          </>
        )}{' '}
        <span class="small">({[TYPES[spec.type], ...rulesOf(spec, isNeeded)].join(', ')})</span>
      </label>
      {choices ? (
        <select id={id} name={id} required={isNeeded}>
          <option value="">{isNeeded ? 'choose' : 'not given'}</option>
          {choices.map((choice) => (
            <option value={String(choice)} selected={String(choice) === value}>
              {String(choice)}
            </option>
          ))}
        </select>
      ) : (
        <input id={id} name={id} value={value} maxlength={1000} autocomplete="off" required={isNeeded} />
      )}
    </>
  )
}

function rulesOf({ default: standard, min, max }: InputSpec, isNeeded: boolean): string[] {
  return [
    isNeeded ? 'required' : 'optional',
    ...(standard === undefined
      ? []
      : [`default ${typeof standard === 'string' ? standard : JSON.stringify(standard)}`]),
    ...(min === undefined ? [] : [`at least ${min}`]),
    ...(max === undefined ? [] : [`at most ${max}`]),
  ]
}
