import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { RunbookError, messageOf } from '../core/errors.ts'
import { requireLoopback } from './loopback.ts'
import type { ServiceSpec } from './service.ts'

export type SearchAttributeType = 'Keyword' | 'Text' | 'Int' | 'Bool' | 'Datetime'

export interface TemporalServer {
  binary: string
  /** The folder for the file with the state; null keeps the state in memory. */
  stateDir: string | null
  port: number
  /** The port of the web UI; null for no web UI. */
  uiPort: number | null
  namespace: string
  searchAttributes: Readonly<Record<string, SearchAttributeType>>
}

/**
 * Dynamic configuration of the dev server; bench/README.md has figures.
 * - By default each activity waits for the next tick of 50 ms; with these rates it does not.
 * - By default a task queue has four partitions, for servers with many hosts. On server 1.29, with many workflows at once, tasks wait in
 *   a partition that no worker polls, while the server idles. One partition is always polled.
 */
const SERVER_SETTINGS = [
  ...['transferProcessor', 'timerProcessor'].flatMap((processor) => [
    `history.${processor}MaxPollRPS=2000`,
    `history.${processor}MaxPollHostRPS=5000`,
  ]),
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
]

export async function prepareTemporal(dir: string): Promise<string> {
  const home = join(dir, 'temporal')
  await mkdir(home, { recursive: true, mode: 0o700 })
  return home
}

export function temporalSpec(
  server: TemporalServer,
  home: string,
): Pick<ServiceSpec, 'command' | 'args' | 'env' | 'stopSignal' | 'probe' | 'readyWithinMs'> {
  const ui = server.uiPort === null ? ['--headless'] : ['--ui-port', String(server.uiPort), '--ui-ip', '127.0.0.1']
  return {
    command: server.binary,
    args: [
      'server',
      'start-dev',
      '--ip=127.0.0.1',
      `--port=${server.port}`,
      ...ui,
      ...(server.stateDir === null ? [] : ['--db-filename', join(server.stateDir, 'state.db')]),
      ...(server.namespace === 'default' ? [] : ['--namespace', server.namespace]),
      ...SERVER_SETTINGS.flatMap((value) => ['--dynamic-config-value', value]),
      ...Object.entries(server.searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
      '--log-level=warn',
      '--color=never',
      '--disable-config-env',
      '--disable-config-file',
    ],
    // Temporal gets a separate home folder, so that the user's Temporal profiles and environment files are not read.
    env: { PATH: process.env['PATH'], HOME: home },
    stopSignal: 'SIGTERM',
    probe: () => probeTemporal(`127.0.0.1:${server.port}`, server.namespace),
    readyWithinMs: 60_000,
  }
}

/** @throws the client's error while the server does not answer or does not have the namespace. With null, no namespace is looked for. */
export async function probeTemporal(address: string, namespace: string | null): Promise<void> {
  const { Connection } = await import('@temporalio/client')
  const connection = await Connection.connect({ address, connectTimeout: 3_000 })
  try {
    const { workflowService } = connection
    await connection.withDeadline(Date.now() + 3_000, async () => {
      if (namespace === null) await workflowService.getSystemInfo({})
      else await workflowService.describeNamespace({ namespace })
    })
  } finally {
    await connection.close()
  }
}

/** Checks the server given by TEMPORAL_ADDRESS, which must be on this machine, and creates the namespace if it is missing. */
export async function useGivenTemporal(value: string, namespace: string): Promise<string> {
  const { host: address } = requireLoopback('TEMPORAL_ADDRESS', value)
  try {
    await probeTemporal(address, namespace).catch(() => registerNamespace(address, namespace))
    return address
  } catch (error) {
    throw new RunbookError('RUNBOOK_UNREACHABLE', `TEMPORAL_ADDRESS (${address}) cannot be used: ${messageOf(error)}`)
  }
}

async function registerNamespace(address: string, namespace: string): Promise<void> {
  const { Connection } = await import('@temporalio/client')
  const connection = await Connection.connect({ address, connectTimeout: 3_000 })
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    })
  } finally {
    await connection.close()
  }
}
