/** The part of node-pg's `PoolClient` that this file uses. */
interface PoolClient {
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  release(error?: Error | boolean): void
}

/** Clients whose connection broke. */
const broken = new WeakSet<object>()

/** Whether the client's connection broke. */
export function isBroken(client: object): boolean {
  return broken.has(client)
}

/**
 * A listener for a pool's `connect` event. A connection that breaks while the pool hands it over has no other listener
 * yet, and an `error` event without a listener ends the process.
 */
export function watchClient(client: Pick<PoolClient, 'on'>): void {
  client.on('error', () => broken.add(client))
}

/**
 * Acquires a client, runs `work` with it and releases it. If `work` throws, the client is closed, and its transaction ends with it; the
 * client goes back to the pool only if `isReusable` says so. Rejects with the error of `acquire` or `work`.
 */
export async function withClient<C extends PoolClient, T>(
  acquire: () => Promise<C>,
  work: (client: C) => Promise<T>,
  isReusable: (client: C, error: unknown) => boolean | Promise<boolean> = () => false,
): Promise<T> {
  const client = await acquire()
  // The pool listens only to idle clients. Without this listener, a session that the server ends between two statements would end the
  // process.
  const markBroken = () => void broken.add(client)
  client.on('error', markBroken)
  let discard = true
  try {
    const result = await work(client)
    discard = false
    return result
  } catch (error) {
    discard = !(await isReusable(client, error))
    throw error
  } finally {
    client.release(discard || isBroken(client))
    client.removeListener('error', markBroken)
  }
}
