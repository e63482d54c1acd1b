import { once } from 'node:events'
import { connect } from 'node:net'
import { hostname } from 'node:os'
import { Connection } from '@temporalio/client'
import { withTimeout } from '../core/abort.ts'
import { resolveTemporal, temporalUnreachable, type ConnectionOptions, type TemporalAddress } from './connect.ts'
import { diagnoseQueue, remediateQueue } from './names.ts'
import { missingSearchAttributes } from './search-attributes.ts'

export interface TemporalStatus {
  address: string
  namespace: string
  /** The workers that poll each task queue of the engine, as `pid@host`. */
  queues: { queue: string; workers: string[] }[]
  /** How this client connects. */
  access: TemporalAccess
  /** The engine's search attributes that the namespace lacks; undefined if the server does not let this client see them. */
  missingSearchAttributes: string[] | undefined
}

export interface TemporalAccess {
  /** Whether the connection stays on this machine. */
  isLocal: boolean
  isEncrypted: boolean
  /**
   * Whether an API key or a client certificate is used. Without one, the server cannot distinguish the engine's workers
   * from anybody else.
   */
  isAuthenticated: boolean
}

/** A worker polls at least once a minute; the server lists pollers of the last five minutes. */
const MAX_POLL_AGE_MS = 90_000
const WORKFLOW = 1
const ACTIVITY = 2

/**
 * Reads Temporal's status and the workers of the engine's queues. Changes nothing. Throws `RUNBOOK_UNREACHABLE` if Temporal does not answer
 * in time.
 */
export async function readTemporalStatus(
  wanted: TemporalAddress,
  taskQueue: string,
  withinMs: number,
): Promise<TemporalStatus> {
  const { options, address, namespace } = resolveTemporal(wanted)
  const queues = [
    [diagnoseQueue(taskQueue), WORKFLOW],
    [remediateQueue(taskQueue), ACTIVITY],
  ] as const
  let connection: Connection | undefined
  try {
    return await withTimeout(withinMs, async () => {
      await throwIfRefused(address)
      connection = await Connection.connect({ ...options, connectTimeout: withinMs })
      const { workflowService } = connection
      const polled = queues.map(async ([queue, taskQueueType]) => {
        const { pollers } = await workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: queue },
          taskQueueType,
        })
        return { queue, workers: [...new Set((pollers ?? []).filter(isThere).map(({ identity }) => identity ?? ''))] }
      })
      const [found, missing] = await Promise.all([Promise.all(polled), missingSearchAttributes(connection, namespace)])
      return { address, namespace, queues: found, access: accessOf(address, options), missingSearchAttributes: missing }
    })
  } catch (error) {
    throw temporalUnreachable({ address, namespace }, error)
  } finally {
    await connection?.close().catch(() => {})
  }
}

export function accessOf(address: string, { tls, apiKey, metadata }: Partial<ConnectionOptions>): TemporalAccess {
  const host = URL.canParse(`tcp://${address}`) ? new URL(`tcp://${address}`).hostname : address
  const hasCertificate = typeof tls === 'object' && tls !== null && tls.clientCertPair !== undefined
  const hasToken = Object.keys(metadata ?? {}).some((name) => name.toLowerCase() === 'authorization')
  return {
    isLocal: /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host),
    isEncrypted: Boolean(tls ?? apiKey),
    isAuthenticated: Boolean(apiKey) || hasCertificate || hasToken,
  }
}

/** Fails at once if no program listens on the address, because gRPC retries until its deadline. Other errors are left to gRPC. */
async function throwIfRefused(address: string): Promise<void> {
  const url = URL.canParse(`tcp://${address}`) ? new URL(`tcp://${address}`) : undefined
  if (!url?.port) return
  const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) })
  try {
    await once(socket, 'connect')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') throw error
  } finally {
    socket.destroy()
  }
}

interface Poller {
  identity?: string | null
  lastAccessTime?: { seconds?: { toNumber(): number } | null } | null
}

/** Whether the poller is still alive. A poller on this machine is not alive if its process has ended, even if it polled a moment ago. */
function isThere({ identity, lastAccessTime }: Poller): boolean {
  const seen = (lastAccessTime?.seconds?.toNumber() ?? 0) * 1000
  if (Date.now() - seen > MAX_POLL_AGE_MS) return false
  const [pid, host] = (identity ?? '').split('@')
  return host !== hostname() || isAlive(Number(pid))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
