import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePort } from '../../src/stack/ports.ts'
import { serverDir, spawnServer, type SpawnedServer } from './spawned-server.ts'

/** A Prometheus with two Alertmanagers that form a cluster: both deliver to the same hook. */
export interface Monitoring {
  /** Sets the value of the gauge `stuck_run` for a run. The rule `RunStuck` fires while it is 1. */
  setStuck(run: string, stuck: boolean): void
  /** Ends one of the Alertmanagers. */
  stopPeer(): Promise<void>
  stop(): Promise<void>
}

export interface MonitoringOptions {
  prometheus: string
  alertmanager: string
  hook: string
  token: string
}

const RULES = {
  groups: [
    {
      name: 'runs',
      rules: [
        {
          alert: 'RunStuck',
          expr: 'stuck_run == 1',
          labels: { severity: 'page' },
          annotations: { summary: 'run {{ $labels.run_id }} does not move' },
        },
      ],
    },
  ],
}

export async function startMonitoring(options: MonitoringOptions): Promise<Monitoring> {
  const { dir, remove } = await serverDir()
  const values = new Map<string, boolean>()
  const metrics = await serveMetrics(values)
  const ports = {
    prometheus: await freePort([]),
    peers: [await freePort([]), await freePort([])],
    gossip: [await freePort([]), await freePort([])],
  }
  await writeFile(join(dir, 'rules.yml'), stringify(RULES))
  await writeFile(join(dir, 'alertmanager.yml'), stringify(alertmanagerConfig(options)))
  await writeFile(join(dir, 'prometheus.yml'), stringify(prometheusConfig(portOf(metrics), ports.peers)))
  const peers: SpawnedServer[] = []
  for (const [index, port] of ports.peers.entries())
    peers.push(
      await spawnServer(
        options.alertmanager,
        [
          `--config.file=${join(dir, 'alertmanager.yml')}`,
          `--storage.path=${join(dir, `peer-${index}`)}`,
          `--web.listen-address=127.0.0.1:${port}`,
          `--cluster.listen-address=127.0.0.1:${ports.gossip[index]}`,
          ...(index === 0 ? [] : [`--cluster.peer=127.0.0.1:${ports.gossip[0]}`]),
          // The second peer waits this long for the first one's delivery.
          '--cluster.peer-timeout=1s',
        ],
        { probe: () => ready(port) },
      ),
    )
  const prometheus = await spawnServer(
    options.prometheus,
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${ports.prometheus}`,
    ],
    { probe: () => ready(ports.prometheus) },
  )
  return {
    setStuck: (run, stuck) => void values.set(run, stuck),
    stopPeer: () => peers[0]!.kill(),
    async stop() {
      await prometheus.stop()
      for (const peer of peers) await peer.kill()
      metrics.close()
      await remove()
    },
  }
}

async function serveMetrics(values: Map<string, boolean>): Promise<Server> {
  const server = createServer((_request, response) => {
    const lines = [...values].map(([run, stuck]) => `stuck_run{run_id="${run}"} ${stuck ? 1 : 0}`)
    response.setHeader('content-type', 'text/plain; version=0.0.4').end(`# TYPE stuck_run gauge\n${lines.join('\n')}\n`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const portOf = (server: Server) => (server.address() as AddressInfo).port

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

function prometheusConfig(metricsPort: number, peers: number[]) {
  return {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yml'],
    alerting: { alertmanagers: [{ static_configs: [{ targets: peers.map((port) => `127.0.0.1:${port}`) }] }] },
    scrape_configs: [{ job_name: 'runs', static_configs: [{ targets: [`127.0.0.1:${metricsPort}`] }] }],
  }
}
