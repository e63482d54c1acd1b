import { createServer, type AddressInfo } from 'node:net'

/** Returns the preferred port of 127.0.0.1 if it is free, otherwise any free port. */
export async function choosePort(preferred: number): Promise<number> {
  return (await freePort(preferred)) ?? (await freePort(0)) ?? preferred
}

function freePort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(undefined))
    probe.listen(port, '127.0.0.1', () => {
      const { port: found } = probe.address() as AddressInfo
      probe.close(() => resolve(found))
    })
  })
}
