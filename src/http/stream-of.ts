/** A response is ended if its client reads nothing for this long. */
const STALLED_MS = 60_000

export interface StreamOptions {
  /** A signal that is aborted when the server stops or the client disconnects. */
  gone: AbortSignal
  /** Called once when the answer has ended, whether it is complete or not. */
  ended: () => void
  stalledMs?: number
}

/**
 * The body of an answer, read from `source` only as fast as the client takes it. The body can end because it is complete, the client
 * disconnects, an error occurs, the client stops reading, or nobody reads it at all. In each case `ended` is called and the signal that
 * `source` got is aborted. After an error the connection is broken off, so that the client does not mistake a part of the answer for all of
 * it.
 */
export function streamOf(
  source: (signal: AbortSignal) => AsyncGenerator<string>,
  { gone, ended, stalledMs = STALLED_MS }: StreamOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const ending = new AbortController()
  const parts = source(ending.signal)
  let stalled: NodeJS.Timeout | undefined
  const end = () => {
    clearTimeout(stalled)
    gone.removeEventListener('abort', end)
    ending.abort()
    ended()
  }
  const breakOff = (controller: ReadableStreamDefaultController, error: unknown) => {
    end()
    controller.error(error)
  }
  const waitForReader = (controller: ReadableStreamDefaultController) => {
    stalled = setTimeout(() => breakOff(controller, new Error('the client does not read the response')), stalledMs)
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        gone.addEventListener('abort', end)
        if (gone.aborted) end()
        else waitForReader(controller)
      },
      async pull(controller) {
        clearTimeout(stalled)
        try {
          const { done, value } = await parts.next()
          if (!done) {
            controller.enqueue(encoder.encode(value))
            return waitForReader(controller)
          }
          end()
          controller.close()
        } catch (error) {
          breakOff(controller, error)
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  )
}

const PIECE_CHARACTERS = 64_000

/** Joins short pieces into longer ones, because each piece that is sent takes one turn of the event loop. */
export async function* gathered(pieces: AsyncGenerator<string>): AsyncGenerator<string> {
  let text = ''
  for await (const piece of pieces) {
    text += piece
    if (text.length < PIECE_CHARACTERS) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}
