import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePort } from '../../src/stack/ports.ts'
import { serverDir, spawnServer, type SpawnedServer } from './spawned-server.ts'

/** A Prometheus with Alertmanagers that form a cluster: all of them deliver to the same hook. */
export interface Monitoring {
  /** Ends the first Alertmanager. */
  stopPeer(): Promise<void>
  stop(): Promise<void>
}

export interface MonitoringOptions {
  prometheus: string
  alertmanager: string
  hook: string
  token: string
  /** The address of the metrics, which are read every second. */
  metrics: string
  rules: AlertRule[]
  /** How many Alertmanagers there are. */
  peers: number
}

export interface AlertRule {
  alert: string
  expr: string
  for?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

export async function startMonitoring(options: MonitoringOptions): Promise<Monitoring> {
  const { dir, remove } = await serverDir()
  const peerPorts: number[] = []
  const gossipPorts: number[] = []
  for (let i = 0; i < options.peers; i += 1) {
    peerPorts.push(await freePort([]))
    gossipPorts.push(await freePort([]))
  }
  const prometheusPort = await freePort([])
  await writeFile(join(dir, 'rules.yml'), stringify({ groups: [{ name: 'rules', rules: options.rules }] }))
  await writeFile(join(dir, 'alertmanager.yml'), stringify(alertmanagerConfig(options)))
  await writeFile(join(dir, 'prometheus.yml'), stringify(prometheusConfig(options.metrics, peerPorts)))
  const servers: SpawnedServer[] = []
  const stop = async () => {
    for (const server of servers.splice(0).reverse()) await server.kill()
    await remove()
  }
  try {
    for (const [index, port] of peerPorts.entries())
      servers.push(
        await spawnServer(
          options.alertmanager,
          [
            `--config.file=${join(dir, 'alertmanager.yml')}`,
            `--storage.path=${join(dir, `peer-${index}`)}`,
            `--web.listen-address=127.0.0.1:${port}`,
            `--cluster.listen-address=127.0.0.1:${gossipPorts[index]}`,
            ...(index === 0 ? [] : [`--cluster.peer=127.0.0.1:${gossipPorts[0]}`]),
            // The second Alertmanager waits this long for the first one to deliver.
            '--cluster.peer-timeout=1s',
          ],
          { probe: () => ready(port) },
        ),
      )
    servers.push(
      await spawnServer(
        options.prometheus,
        [
          `--config.file=${join(dir, 'prometheus.yml')}`,
          `--storage.tsdb.path=${join(dir, 'tsdb')}`,
          `--web.listen-address=127.0.0.1:${prometheusPort}`,
        ],
        { probe: () => ready(prometheusPort) },
      ),
    )
  } catch (error) {
    await stop()
    throw error
  }
  return { stopPeer: () => servers[0]!.kill(), stop }
}

/** The gauge `stuck_run` of each run, as a service would export it. */
export interface StuckRuns {
  metrics: string
  set(run: string, stuck: boolean): void
  close(): void
}

export async function serveStuckRuns(): Promise<StuckRuns> {
  const values = new Map<string, boolean>()
  const server = createServer((_request, response) => {
    const lines = [...values].map(([run, stuck]) => `stuck_run{run_id="${run}"} ${stuck ? 1 : 0}`)
    response.setHeader('content-type', 'text/plain; version=0.0.4').end(`# TYPE stuck_run gauge\n${lines.join('\n')}\n`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    metrics: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    set: (run, stuck) => void values.set(run, stuck),
    close: () => void server.close(),
  }
}

async function ready(port: number): Promise<void> {
  const { ok, status } = await fetch(`http://127.0.0.1:${port}/-/ready`)
  if (!ok) throw new Error(`not ready: ${status}`)
}

function alertmanagerConfig({ hook, token }: MonitoringOptions) {
  return {
    route: {
      receiver: 'runbooks',
      // Each alert is a group of its own.
      group_by: ['...'],
      group_wait: '0s',
      group_interval: '1s',
      repeat_interval: '2s',
    },
    receivers: [
      {
        name: 'runbooks',
        webhook_configs: [
          { url: hook, send_resolved: true, http_config: { authorization: { type: 'Bearer', credentials: token } } },
        ],
      },
    ],
  }
}

function prometheusConfig(metrics: string, peerPorts: number[]) {
  const { host, pathname } = new URL(metrics)
  return {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yml'],
    alerting: { alertmanagers: [{ static_configs: [{ targets: peerPorts.map((port) => `127.0.0.1:${port}`) }] }] },
    scrape_configs: [{ job_name: 'system', metrics_path: pathname, static_configs: [{ targets: [host] }] }],
  }
}
