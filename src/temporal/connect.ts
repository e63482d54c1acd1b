import { Client, Connection } from '@temporalio/client'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { ASK_DOCTOR } from '../core/doctor-finding.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { registerSearchAttributes } from './search-attributes.ts'

export interface TemporalAddress {
  /** The address of the server. Default: the address in Temporal's own environment variables and profile, else 127.0.0.1:7233. */
  address?: string
  namespace?: string
  /** Variables that replace those of the process's environment. */
  environment?: Record<string, string>
}

export interface Temporal {
  client: Client
  connection: Connection
  address: string
  namespace: string
  /** Whether the namespace has the engine's search attributes. If it does not, workflows are started without them. */
  hasSearchAttributes: boolean
  /** The settings with which a worker opens a connection of its own. */
  options: ConnectionOptions
  close(): Promise<void>
}

export type ConnectionOptions = NonNullable<ReturnType<typeof loadClientConnectConfig>['connectionOptions']>

/**
 * Connects to Temporal, and registers the engine's search attributes if they are missing and the server permits it. Throws
 * `RUNBOOK_UNREACHABLE` with the address.
 */
export async function connectTemporal(wanted: TemporalAddress): Promise<Temporal> {
  const { options, address, namespace } = resolveTemporal(wanted)
  let connection: Connection | undefined
  try {
    connection = await Connection.connect({ ...options, connectTimeout: '15s' })
    const hasSearchAttributes = await registerSearchAttributes(connection, namespace)
    const client = new Client({ connection, namespace })
    const close = connection.close.bind(connection)
    return { client, connection, address, namespace, hasSearchAttributes, options, close }
  } catch (error) {
    await connection?.close().catch(() => {})
    throw temporalUnreachable({ address, namespace }, error)
  }
}

/** The connection settings that result from the address, the environment and the profile. */
export function resolveTemporal(wanted: TemporalAddress): Pick<Temporal, 'options' | 'address' | 'namespace'> {
  const { connectionOptions, namespace } = loadClientConnectConfig(
    wanted.address
      ? { disableFile: true, overrideEnvVars: { ...wanted.environment, TEMPORAL_ADDRESS: wanted.address } }
      : { overrideEnvVars: { ...definedOnly(process.env), ...wanted.environment } },
  )
  const address = wanted.address ?? connectionOptions.address ?? '127.0.0.1:7233'
  return {
    options: { ...connectionOptions, address },
    address: String(address),
    namespace: wanted.namespace ?? namespace ?? 'default',
  }
}

export function temporalUnreachable(
  { address, namespace }: { address: string; namespace: string },
  error: unknown,
): RunbookError {
  return new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `Temporal at ${address} (namespace ${namespace}) does not answer: ${messageOf(error)}${ASK_DOCTOR}`,
    { address },
    error,
  )
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
