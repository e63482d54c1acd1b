import { Client, Connection } from '@temporalio/client'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { messageOf, RunbookError } from '../core/errors.ts'
import { registerSearchAttributes } from './search-attributes.ts'

export interface TemporalAddress {
  /** Without one, Temporal's own environment variables and profile decide; then 127.0.0.1:7233. */
  address?: string
  namespace?: string
  /** Variables that stand in for the process's environment. */
  environment?: Record<string, string>
}

export interface Temporal {
  client: Client
  connection: Connection
  address: string
  namespace: string
  /** What a worker's own connection needs. */
  options: ConnectionOptions
  close(): Promise<void>
}

type ConnectionOptions = NonNullable<ReturnType<typeof loadClientConnectConfig>['connectionOptions']>

/** Throws `RUNBOOK_UNREACHABLE` naming the address. Registers our search attributes where they are missing. */
export async function connectTemporal(wanted: TemporalAddress): Promise<Temporal> {
  const { connectionOptions, namespace: configured } = loadClientConnectConfig(
    wanted.address
      ? { disableFile: true, overrideEnvVars: { ...wanted.environment, TEMPORAL_ADDRESS: wanted.address } }
      : { overrideEnvVars: { ...definedOnly(process.env), ...wanted.environment } },
  )
  const options: ConnectionOptions = {
    ...connectionOptions,
    address: wanted.address ?? connectionOptions.address ?? '127.0.0.1:7233',
  }
  const namespace = wanted.namespace ?? configured ?? 'default'
  const address = String(options.address)
  try {
    const connection = await Connection.connect({ ...options, connectTimeout: '5s' })
    await registerSearchAttributes(connection, namespace)
    const client = new Client({ connection, namespace })
    return { client, connection, address, namespace, options, close: () => connection.close() }
  } catch (error) {
    throw new RunbookError(
      'RUNBOOK_UNREACHABLE',
      `Temporal at ${address} (namespace ${namespace}) does not answer: ${messageOf(error)}; is it up ("runbook doctor")?`,
      { address },
      error,
    )
  }
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
