import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A TCP proxy to a server on this machine. While it is blocked, connections are closed, as if the machine were unreachable. */
export interface BlockableProxy {
  port: number
  block(): void
  unblock(): void
  close(): Promise<void>
}

export async function openBlockableProxy(port: number): Promise<BlockableProxy> {
  const open = new Set<Socket>()
  let isBlocked = false
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        open.delete(socket)
        end()
      })
    }
    if (isBlocked) end()
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const block = () => {
    isBlocked = true
    for (const socket of open) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    block,
    unblock: () => {
      isBlocked = false
    },
    async close() {
      block()
      await new Promise((closed) => server.close(closed))
    },
  }
}
