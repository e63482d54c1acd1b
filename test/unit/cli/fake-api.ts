import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { ownVersion, VERSION_HEADER } from '../../../src/engine/own-version.ts'

export interface ReceivedRequest {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: unknown
}

type Answer = (received: ReceivedRequest, response: ServerResponse) => unknown

/**
 * A real HTTP server for one test. The keys of `routes` are `METHOD /path`. What a route returns is sent as JSON; a route that returns
 * nothing has written the response itself. `asked` lists the received requests.
 */
export async function fakeApi(routes: Record<string, Answer>): Promise<{ url: string; asked: ReceivedRequest[] }> {
  const asked: ReceivedRequest[] = []
  const server = createServer((request, response) => {
    void answer(request, response, routes, asked)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  routes: Record<string, Answer>,
  asked: ReceivedRequest[],
): Promise<void> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  const { method = '', url: path = '', headers } = request
  const one: ReceivedRequest = { method, path, headers, body: text === '' ? undefined : JSON.parse(text) }
  asked.push(one)
  response.setHeader(VERSION_HEADER, ownVersion())
  const route = routes[`${method} ${path}`]
  if (!route) return sendProblem(response, 404, 'RUNBOOK_NOT_FOUND', `there is no ${method} ${path}`)
  const value = route(one, response)
  if (value !== undefined) response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
}

export function sendProblem(response: ServerResponse, status: number, code: string, detail: string): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' })
  response.end(JSON.stringify({ type: 'about:blank', title: '', status, detail, code }))
}
