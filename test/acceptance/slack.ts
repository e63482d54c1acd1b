import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server in place of Slack's incoming webhook, as strict: one JSON object with a text. */
export interface Slack {
  url: string
  /** The texts that came. */
  messages: string[]
  /** What was not as Slack wants it. */
  complaints: string[]
  close(): Promise<void>
}

export async function listenAsSlack(): Promise<Slack> {
  const messages: string[] = []
  const complaints: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const wrong = complaintAbout(request.method, request.url, request.headers['content-type'], body)
    if (wrong) complaints.push(wrong)
    else messages.push((JSON.parse(body) as { text: string }).text)
    response.writeHead(wrong ? 400 : 200).end(wrong ?? 'ok')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`,
    messages,
    complaints,
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

const PATH = '/services/T0/B0/secret'

function complaintAbout(method?: string, path?: string, type?: string, body = ''): string | undefined {
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
