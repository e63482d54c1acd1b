import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A fake of Slack's incoming webhook. Like Slack, it accepts only a JSON object with the field `text`. */
export interface Slack {
  url: string
  /** The texts of accepted messages. */
  messages: string[]
  /** Reasons why messages were refused. */
  rejections: string[]
  close(): Promise<void>
}

export async function startFakeSlack(): Promise<Slack> {
  const messages: string[] = []
  const rejections: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const rejection = rejectionOf(request.method, request.url, request.headers['content-type'], body)
    if (rejection) rejections.push(rejection)
    else messages.push((JSON.parse(body) as { text: string }).text)
    response.writeHead(rejection ? 400 : 200).end(rejection ?? 'ok')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`,
    messages,
    rejections,
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

const PATH = '/services/T0/B0/secret'

function rejectionOf(method?: string, path?: string, type?: string, body = ''): string | undefined {
  if (method !== 'POST') return `${method} is not POST`
  if (path !== PATH) return `no webhook at ${path}`
  if (!type?.startsWith('application/json')) return `content-type ${type}`
  try {
    const { text, ...rest } = JSON.parse(body) as { text?: unknown }
    if (typeof text !== 'string' || text === '') return 'no text'
    return Object.keys(rest).length > 0 ? `unknown fields: ${Object.keys(rest).join()}` : undefined
  } catch {
    return 'invalid_payload'
  }
}
