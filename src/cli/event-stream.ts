export interface ServerSentEvent {
  id: string
  event: string
  data: string
}

/** Reads server-sent events from a response's body; comments and events without data are passed over. */
export async function* readEventStream(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let rest = ''
  let event = empty()
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split(/\r\n|\n/)
    rest = lines.pop()!
    for (const line of lines) {
      if (line === '') {
        if (event.data !== '') yield event
        event = { ...empty(), id: event.id }
      } else event = withField(event, line)
    }
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
