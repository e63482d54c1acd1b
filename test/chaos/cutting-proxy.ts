import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface CuttingProxy {
  port: number
  /** The committed statements of each cut connection. The client received no response to the COMMIT. */
  cuts: string[][]
  close(): Promise<void>
}

/**
 * A proxy for PostgreSQL. It holds back each response until the server is ready for the next query. If `shouldCut` returns true for the
 * statements that were just committed, the proxy closes both connections instead of passing the response on. So the client cannot know
 * whether the COMMIT succeeded.
 */
export async function openCuttingProxy(
  port: number,
  shouldCut: (committed: string[], cutsBefore: number) => boolean,
): Promise<CuttingProxy> {
  const open = new Set<Socket>()
  const cuts: string[][] = []
  const server = createServer((client) => {
    const postgres = connect(port, '127.0.0.1')
    const cut = () => {
      client.destroy()
      postgres.destroy()
    }
    for (const socket of [client, postgres]) {
      open.add(socket)
      socket.setNoDelay(true)
      socket.on('error', cut)
      socket.on('close', () => {
        open.delete(socket)
        cut()
      })
    }
    const session = readSession((committed) => {
      if (!shouldCut(committed, cuts.length)) return false
      cuts.push(committed)
      cut()
      return true
    })
    client.on('data', (bytes) => {
      session.fromClient(bytes)
      postgres.write(bytes)
    })
    postgres.on('data', (bytes) => {
      for (const message of session.fromServer(bytes)) client.write(message)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    cuts,
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((closed) => server.close(closed))
    },
  }
}

const READY = 'Z'
const IDLE = 'I'

/** Follows both streams of one session. Calls `onCommit` before the response to a COMMIT is passed on; if it returns true, the response is dropped. */
function readSession(onCommit: (statements: string[]) => boolean) {
  const requests = messages(true)
  const responses = messages(false)
  let statements: string[] = []
  let waiting: Buffer[] = []
  let loggedIn = false
  return {
    fromClient(bytes: Buffer): void {
      for (const { type, body } of requests(bytes)) {
        if (type === 'Q') statements.push(text(body, 0))
        // Parse: the statement's name, then its text.
        if (type === 'P') statements.push(text(body, body.indexOf(0) + 1))
      }
    },
    /** Returns the messages that may be passed on now. */
    fromServer(bytes: Buffer): Buffer[] {
      const pass: Buffer[] = []
      for (const { type, body, whole } of responses(bytes)) {
        waiting.push(whole)
        const isReady = type === READY
        if (isReady && loggedIn && String.fromCharCode(body[0]!) === IDLE) {
          const done = statements
          statements = []
          if (done.at(-1) !== 'ROLLBACK' && onCommit(done)) return []
        }
        loggedIn ||= isReady
        if (isReady || !loggedIn) pass.push(...waiting.splice(0))
      }
      return pass
    },
  }
}

interface Message {
  type: string
  body: Buffer
  whole: Buffer
}

/** Splits a stream into PostgreSQL messages: a type letter, a length that includes itself, a body. A client's first message has no letter. */
function messages(isClient: boolean): (bytes: Buffer) => Message[] {
  let left = Buffer.alloc(0)
  let isFirst = isClient
  return (bytes) => {
    left = Buffer.concat([left, bytes])
    const found: Message[] = []
    for (;;) {
      const letter = isFirst ? 0 : 1
      if (left.length < letter + 4) return found
      const end = letter + left.readInt32BE(letter)
      if (left.length < end) return found
      const whole = left.subarray(0, end)
      found.push({ type: isFirst ? '' : String.fromCharCode(whole[0]!), body: whole.subarray(letter + 4), whole })
      left = left.subarray(end)
      isFirst = false
    }
  }
}

function text(body: Buffer, from: number): string {
  return body.subarray(from, body.indexOf(0, from)).toString()
}
