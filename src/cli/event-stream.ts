export interface ServerSentEvent {
  id: string
  event: string
  data: string
}

/**
 * Reads server-sent events from a response's body until it ends or `signal` is aborted; comments and events without data are
 * passed over.
 */
export async function* readEventStream(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  // Not left to the fetch's own signal, which may be collected as garbage while its body is read.
  const leave = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', leave)
  try {
    let rest = ''
    let event = empty()
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      const lines = (rest + chunk.value).split(/\r\n|\n/)
      rest = lines.pop()!
      for (const line of lines) {
        if (line !== '') event = withField(event, line)
        else {
          if (event.data !== '') yield event
          event = { ...empty(), id: event.id }
        }
      }
    }
  } finally {
    signal.removeEventListener('abort', leave)
    leave()
  }
}

function empty(): ServerSentEvent {
  return { id: '', event: 'message', data: '' }
}

function withField(event: ServerSentEvent, line: string): ServerSentEvent {
  const colon = line.indexOf(':')
  const [name, value] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]
  if (name === 'data') return { ...event, data: event.data === '' ? value : `${event.data}\n${value}` }
  return name === 'id' || name === 'event' ? { ...event, [name]: value } : event
}
