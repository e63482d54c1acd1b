import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RunbookError } from '../core/errors.ts'
import { freePort, isFree } from './ports.ts'
import { identify, isAlive } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { Service } from './service.ts'
import type { ServiceName, ServiceSpec } from './service.ts'
import { readStackFile, writeStackFile } from './stack-file.ts'
import type { StackAddresses, StackFile } from './stack-file.ts'

/** The part of a ServiceSpec that each server's own module defines. */
export type ServerSpec = Omit<ServiceSpec, 'name' | 'logFile' | 'onProcess' | 'respawn' | 'log'>

const STOP_ORDER: readonly ServiceName[] = ['temporal', 'redis', 'postgres']

/** One started stack: its servers, their ports, and `stack.json`. */
export class StackRun {
  readonly dir: string
  readonly log: (line: string) => void
  readonly #respawn: boolean
  readonly #services = new Map<ServiceName, Service>()
  readonly #file: StackFile
  #stopped: Promise<void> | null = null

  constructor(
    dir: string,
    { log, respawn = false }: { log: (line: string) => void; respawn?: boolean },
    owner: ProcessIdentity,
  ) {
    this.dir = dir
    this.log = log
    this.#respawn = respawn
    this.#file = { owner, addresses: {}, processes: {}, ports: readStackFile(dir)?.ports ?? {} }
  }

  /** The port of the last start, else one of the usual ports, else any free port. */
  async port(name: ServiceName | 'ui', usual: readonly number[]): Promise<number> {
    const before = this.#file.ports[name]
    const port = await freePort(before === undefined ? usual : [before, ...usual])
    this.#file.ports[name] = port
    return port
  }

  /** Starts a server. If another process takes the port before the server does, it tries again on another port. */
  async launch(
    name: ServiceName,
    usualPorts: readonly number[],
    specFor: (port: number) => ServerSpec,
  ): Promise<{ service: Service; port: number }> {
    for (let attempt = 1; ; attempt++) {
      const port = await this.port(name, usualPorts)
      const service = new Service({
        ...specFor(port),
        name,
        logFile: join(this.dir, 'logs', `${name}.log`),
        respawn: this.#respawn,
        log: this.log,
        onProcess: (identity) => this.#recordProcess(name, identity),
      })
      if (this.#stopped !== null) throw new RunbookError('RUNBOOK_CONFLICT', 'the stack is being stopped')
      this.#services.set(name, service)
      try {
        await service.start()
        return { service, port }
      } catch (error) {
        if (attempt === 3 || (await isFree(port)) || this.#stopped !== null) throw error
      }
    }
  }

  recordAddresses(addresses: StackAddresses): void {
    Object.assign(this.#file.addresses, addresses)
    writeStackFile(this.dir, this.#file)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll()
    return this.#stopped
  }

  signalAllNow(): void {
    for (const service of this.#services.values()) service.signalNow()
  }

  async #stopAll(): Promise<void> {
    for (const name of STOP_ORDER) await this.#services.get(name)?.stop()
    this.#file.addresses = {}
    writeStackFile(this.dir, { ...this.#file, owner: { pid: 0, started: '' } })
  }

  #recordProcess(name: ServiceName, identity: ProcessIdentity | null): void {
    if (identity === null) delete this.#file.processes[name]
    else this.#file.processes[name] = identity
    writeStackFile(this.dir, this.#file)
  }
}

/** Ends the servers of a stack whose owner was killed: only processes that stack.json names, and only while they have the same pid. */
export async function endOrphans(dir: string, log: (line: string) => void): Promise<void> {
  const file = readStackFile(dir)
  if (file === null) return
  for (const name of STOP_ORDER) {
    const orphan = file.processes[name]
    if (orphan === undefined || !(await isAlive(orphan))) continue
    log(`${name}: ending the server that a crash left running (pid ${orphan.pid})`)
    signal(orphan.pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM')
    const deadline = Date.now() + 10_000
    while ((await isAlive(orphan)) && Date.now() < deadline) await sleep(50)
    if (await isAlive(orphan)) signal(orphan.pid, 'SIGKILL')
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name)
  } catch {
    // The server ended just before the signal was sent.
  }
}

export async function ownIdentity(): Promise<ProcessIdentity> {
  return (await identify(process.pid)) ?? { pid: process.pid, started: '' }
}
