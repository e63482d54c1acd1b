import { Client, Connection } from '@temporalio/client'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { ASK_DOCTOR } from '../core/doctor-finding.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { registerSearchAttributes } from './search-attributes.ts'

export interface TemporalAddress {
  /** Default: Temporal's own environment variables and profile, then 127.0.0.1:7233. */
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
  /** For a worker's own connection. */
  options: ConnectionOptions
  close(): Promise<void>
}

type ConnectionOptions = NonNullable<ReturnType<typeof loadClientConnectConfig>['connectionOptions']>

/** Connects to Temporal and registers our search attributes if they are missing. Throws `RUNBOOK_UNREACHABLE` with the address. */
export async function connectTemporal(wanted: TemporalAddress): Promise<Temporal> {
  const { options, address, namespace } = resolveTemporal(wanted)
  try {
    const connection = await Connection.connect({ ...options, connectTimeout: '15s' })
    await registerSearchAttributes(connection, namespace)
    const client = new Client({ connection, namespace })
    return { client, connection, address, namespace, options, close: () => connection.close() }
  } catch (error) {
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
