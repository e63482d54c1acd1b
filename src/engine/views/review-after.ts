import { inline } from './markdown-text.ts'
import type { ReviewParts } from './review.ts'

/**
 * The part of the review that people read in the week after an incident, as Markdown: deviations from the runbook, follow-ups, answers of
 * people, and similar incidents.
 */
export function afterLines({ deviations, followUps, feedback, recurrences }: ReviewParts['head']): string[] {
  return [
    ...section(
      'Deviations',
      deviations.map(({ what, at, event, text }) => `- ${at} ${what} (event ${event}): ${inline(text)}`),
    ),
    ...section(
      'Follow-ups',
      followUps.map(
        ({ number, text, owner, due, closedBy, result }) =>
          `- Number ${number}, for ${inline(owner)}${due === null ? '' : `, due ${due}`}, ${closedBy === null ? 'open' : 'closed'}: ${inline(text)}${
            closedBy === null ? '' : `. ${inline(closedBy)}: ${inline(result ?? '')}`
          }`,
      ),
    ),
    ...section(
      'Did the runbook help?',
      feedback.map(
        ({ person, helped, comment }) =>
          `- ${inline(person)}: ${helped}${comment === null ? '' : `: ${inline(comment)}`}`,
      ),
    ),
    ...section(
      'Similar incidents',
      recurrences.map(
        (one) => `- ${one.incident}, ${one.openedAt}, ${one.outcome ?? 'open'}: ${inline(whatRecurs(one))}`,
      ),
    ),
  ]
}

function section(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, '', ...lines, '']
}

/** What two incidents have in common, such as `same cause (no-worker), same target (run-1)`. */
export function whatRecurs({ sameKey, causes, targets }: ReviewParts['head']['recurrences'][number]): string {
  return [
    ...(sameKey ? ['same key'] : []),
    ...(causes.length > 0 ? [`same cause (${causes.join(', ')})`] : []),
    ...(targets.length > 0 ? [`same target (${targets.join(', ')})`] : []),
  ].join(', ')
}
