import type { ReviewParts } from './review.ts'

/** The review as JSON text, in pieces. */
export async function* reviewJson({ head, timeline, evidence, notes }: ReviewParts): AsyncGenerator<string> {
  yield JSON.stringify(head).replace(/}$/, '')
  yield* list('timeline', timeline)
  yield* list('evidence', evidence)
  yield* list('notes', notes)
  yield '}'
}

async function* list(name: string, items: AsyncIterable<unknown> | Iterable<unknown>): AsyncGenerator<string> {
  yield `,${JSON.stringify(name)}:[`
  let separator = ''
  for await (const item of items) {
    yield separator + JSON.stringify(item)
    separator = ','
  }
  yield ']'
}
