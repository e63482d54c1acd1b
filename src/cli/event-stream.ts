import { EventSourceParserStream, type EventSourceMessage } from 'eventsource-parser/stream'

/** Reads server-sent events from a response's body until it ends or `signal` is aborted. Comments and events without data are skipped. */
export async function* readEventStream(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage> {
  const reader = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).getReader()
  // The signal of `fetch` can be garbage-collected while the body is still being read, so the reader is cancelled here.
  const cancel = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', cancel)
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read())
      if (next.value.data !== '') yield next.value
  } finally {
    signal.removeEventListener('abort', cancel)
    cancel()
  }
}
