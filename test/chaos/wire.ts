import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A wire to a server on this machine, which can be cut: as a machine that stands still is cut off by those who talk to it. */
export interface Wire {
  port: number
  cut(): void
  mend(): void
  close(): Promise<void>
}

export async function openWire(port: number): Promise<Wire> {
  const open = new Set<Socket>()
  let isCut = false
  const server = createServer((client) => {
    const far = connect(port, '127.0.0.1')
    const end = () => {
      client.destroy()
      far.destroy()
    }
    for (const socket of [client, far]) {
      open.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        open.delete(socket)
        end()
      })
    }
    if (isCut) end()
    client.pipe(far).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    isCut = true
    for (const socket of open) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    mend: () => {
      isCut = false
    },
    async close() {
      cut()
      await new Promise((closed) => server.close(closed))
    },
  }
}
