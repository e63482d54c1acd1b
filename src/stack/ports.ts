import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** The first port of `preferred` that is free on 127.0.0.1, else any free port. */
export async function freePort(preferred: readonly number[]): Promise<number> {
  for (const port of preferred) {
    if ((await listen(port)) !== null) return port
  }
  const any = await listen(0)
  if (any === null) throw new Error('no free TCP port on 127.0.0.1')
  return any
}

export async function isFree(port: number): Promise<boolean> {
  return (await listen(port)) !== null
}

function listen(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const taken = (server.address() as AddressInfo).port
      server.close(() => resolve(taken))
    })
  })
}
