import { connect, constants, createServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'

const PERMISSION_DENIED = '7'

/**
 * Forwards gRPC calls to Temporal and refuses those of its OperatorService, as Temporal Cloud and servers with the default authorizer do.
 * Returns its address and the refused calls.
 */
export async function startTemporalProxy(
  address: string,
): Promise<{ address: string; refused: string[]; close(): Promise<void> }> {
  const upstream = connect(`http://${address}`)
  upstream.on('error', () => {})
  const sessions = new Set<ServerHttp2Session>()
  const refused: string[] = []
  const server = createServer()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('error', () => {})
  })
  server.on('stream', (incoming, headers) => {
    const path = String(headers[':path'])
    incoming.on('error', () => {})
    if (path.includes('OperatorService')) {
      refused.push(path)
      const trailers = { 'grpc-status': PERMISSION_DENIED, 'grpc-message': 'Request unauthorized.' }
      incoming.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true })
      return
    }
    const outgoing = upstream.request(headers)
    outgoing.on('error', () => incoming.close(constants.NGHTTP2_INTERNAL_ERROR))
    outgoing.on('response', (answer, flags) => {
      if (incoming.destroyed) return
      const isEnd = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
      incoming.respond(answer, { waitForTrailers: !isEnd, endStream: isEnd })
      outgoing.pipe(incoming)
    })
    let trailers: object = {}
    outgoing.on('trailers', (received) => (trailers = received))
    incoming.on('wantTrailers', () => incoming.sendTrailers({ ...trailers }))
    incoming.on('aborted', () => outgoing.close(constants.NGHTTP2_CANCEL))
    incoming.pipe(outgoing)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    refused,
    async close() {
      upstream.destroy()
      for (const session of sessions) session.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
