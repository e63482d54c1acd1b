import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ChannelRequest {
  path: string
  headers: IncomingHttpHeaders
  body: string
  at: number
  /** When the answer was sent completely; undefined if it was not, for example because the sender died. */
  answeredAt?: number
}

export interface ChannelAnswer {
  status: number
  headers?: Record<string, string>
  body?: string
}

/** A local server in place of a channel: it records what it gets. */
export interface ChannelServer {
  url: string
  requests: ChannelRequest[]
  /** The next answers; after these the server accepts everything. */
  answers: ChannelAnswer[]
  /** While true, the server accepts connections and does not answer. */
  silent: boolean
  /** Computes the answers after those in `answers`. */
  answer: (request: ChannelRequest) => ChannelAnswer | Promise<ChannelAnswer>
  close(): Promise<void>
}

export async function startChannelServer(): Promise<ChannelServer> {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const received: ChannelRequest = { path: request.url ?? '', headers: request.headers, body, at: performance.now() }
    channel.requests.push(received)
    if (channel.silent) return
    const answer = channel.answers.shift() ?? (await channel.answer(received))
    response.on('finish', () => (received.answeredAt = performance.now()))
    response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const channel: ChannelServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    answers: [],
    silent: false,
    answer: () => ({ status: 200 }),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return channel
}
