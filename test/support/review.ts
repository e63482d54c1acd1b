import { reviewMarkdown } from '../../src/engine/views/review-markdown.ts'
import { acknowledgement } from '../../src/engine/views/review.ts'
import type { Review } from '../../src/engine/views/view-types.ts'

/** The Markdown of a review that is in memory. */
export async function markdownOf({ timeline, evidence, notes, ...head }: Review): Promise<string> {
  const acknowledged = timeline.map(acknowledgement).find((one) => one !== undefined)
  let text = ''
  for await (const piece of reviewMarkdown({
    head,
    events: timeline.length,
    graph: null,
    acknowledged,
    timeline,
    evidence,
    notes,
  }))
    text += piece
  return text
}
