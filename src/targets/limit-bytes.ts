/** The part of a socket that this file uses. */
interface ByteStream {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  removeListener(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  destroy(): unknown
}

export interface ByteLimit {
  /** Whether more bytes arrived than are allowed, so that the connection was closed. */
  readonly isExceeded: boolean
  /** Stops counting. The limit does not apply to bytes that arrive later. */
  stop(): void
}

/**
 * Closes a connection as soon as more than `maxBytes` arrive on it. A client keeps a message in memory until it is complete, and only the
 * sender knows how long the message is. So only counting the bytes that arrive limits every statement and every command.
 */
export function limitBytes(stream: ByteStream, maxBytes: number): ByteLimit {
  let received = 0
  let isExceeded = false
  const count = (chunk: Uint8Array) => {
    received += chunk.length
    if (received <= maxBytes || isExceeded) return
    isExceeded = true
    stream.destroy()
  }
  stream.on('data', count)
  return {
    get isExceeded() {
      return isExceeded
    },
    stop: () => void stream.removeListener('data', count),
  }
}
