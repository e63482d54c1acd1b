import { createServer, type AddressInfo } from 'node:net'

/** The wanted port of 127.0.0.1 if it can be had, else any free one. */
export async function choosePort(wanted: number): Promise<number> {
  return (await freePort(wanted)) ?? (await freePort(0)) ?? wanted
}

function freePort(port: number): Promise<number | undefined> {
  return new Promise((answer) => {
    const probe = createServer()
    probe.once('error', () => answer(undefined))
    probe.listen(port, '127.0.0.1', () => {
      const { port: found } = probe.address() as AddressInfo
      probe.close(() => answer(found))
    })
  })
}
