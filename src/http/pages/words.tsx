import type { Child } from 'hono/jsx'
import { visibleText } from '../../core/displayable.ts'
import { humanDuration } from '../../core/duration.ts'
import { ALL_TARGETS, type Proposal } from '../../core/proposal.ts'
import { cutText } from '../../core/storable.ts'
import type { GateView } from '../../engine/views/view-types.ts'

/** Small parts that several pages use. */

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** A value from outside, as text on one line. Its writing direction does not change the direction of the text around it. */
export function Data({ value }: { value: unknown }) {
  return <bdi>{visibleText(value)}</bdi>
}

const MAX_SHORT = 300

/** A value from outside, cut after 300 characters. */
export function Short({ value }: { value: string }) {
  return <Data value={value.length > MAX_SHORT ? `${cutText(value, MAX_SHORT)}…` : value} />
}

/** A text in a fixed font, as it was written. */
export function Code({ text }: { text: string }) {
  return (
    <pre tabindex={0}>
      <code dir="ltr">{text.split('\n').map(visibleText).join('\n')}</code>
    </pre>
  )
}

/** A time. The script shows it in the reader's own time zone. */
export function Time({ at }: { at: string }) {
  return (
    <time datetime={at} data-local>
      {at.slice(0, 19).replace('T', ' ')} UTC
    </time>
  )
}

/** The time left until an instant. The script counts it down. */
export function Countdown({ until, now }: { until: string; now: number }) {
  const left = Date.parse(until) - now
  return (
    <time datetime={until} data-countdown>
      {left > 0 ? humanDuration(left) : 'now'}
    </time>
  )
}

/** The time left until an instant, and the instant on the clock. The script shows it in the reader's own time zone. */
export function Expiry({ until, now }: { until: string; now: number }) {
  return (
    <>
      <Countdown until={until} now={now} />, at{' '}
      <time datetime={until} data-clock>
        {until.slice(11, 16)} UTC
      </time>
    </>
  )
}

/** How long ago an instant was. */
export function Ago({ at, now }: { at: string; now: number }) {
  return <time datetime={at}>{agoText(now - Date.parse(at))}</time>
}

/** A time in the past as text, such as `2m 03s ago`. */
export function agoText(ms: number): string {
  if (ms < 1_000) return 'just now'
  return `${ms >= 2 * 86_400_000 ? `${Math.floor(ms / 86_400_000)} days` : humanDuration(ms)} ago`
}

export function incidentPath(id: string): string {
  return `/incidents/${encodeURIComponent(id)}`
}

export function IncidentLink({ id, children }: { id: string; children?: Child }) {
  return <a href={incidentPath(id)}>{children ?? id}</a>
}

/** Whether a remedy is done once, instead of once for each of several targets. */
export function runsOnce({ targets }: Pick<Proposal, 'targets'>): boolean {
  return targets.length === 1 && targets[0]!.key === ALL_TARGETS
}

/** The number of targets of a proposal, such as `3 targets` or `3 of 5 targets`. */
export function targetCount(proposal: Proposal): string {
  if (runsOnce(proposal)) return 'done once'
  const { targets, affected } = proposal
  return affected > targets.length
    ? `${targets.length} of ${plural(affected, 'target')}`
    : plural(targets.length, 'target')
}

/** The people whose approval counts now. */
export function approversOf({ decisions }: Pick<GateView, 'decisions'>): string[] {
  const live = decisions.filter(({ decision, withdrawn }) => decision === 'approve' && !withdrawn)
  return [...new Set(live.map(({ person }) => person))]
}
