import { NO_POLICY } from '../../src/core/policy.ts'
import { bundleWorkflowCode, NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker'
import type pg from 'pg'
import { createDiagnoseActivities, createRemediateActivities } from '../../activities/create-activities.ts'
import type { ActivityDependencies } from '../../activities/dependencies.ts'
import type { Config } from '../../src/config/config.ts'
import { Secret } from '../../src/config/secret.ts'
import { digest } from '../../src/core/canonical.ts'
import type { Json } from '../../src/core/json.ts'
import type { People, Person } from '../../src/core/person.ts'
import type { Plan, PlanCheck, PlanRemedy, Value } from '../../src/core/plan.ts'
import { prepareLedger } from '../../src/effects/prepare-ledger.ts'
import { decideGate } from '../../src/engine/decide-gate.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { provisionDatabase } from '../../src/engine/setup/provision.ts'
import { activityDependencies } from '../../src/engine/run-worker.ts'
import { showIncident } from '../../src/engine/views/show.ts'
import { trigger } from '../../src/engine/trigger.ts'
import type { IncidentView } from '../../src/engine/views/view-types.ts'
import { newSigningKey, openKeyring, publicKeyOf } from '../../src/gate/keyring.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
import { connectTemporal } from '../../src/temporal/connect.ts'
import { diagnoseQueue, remediateQueue } from '../../src/temporal/names.ts'
import { ACTIVITY_WORKER, WORKFLOW_WORKER } from '../../src/temporal/worker.ts'
import { expression, plan, remedy } from '../unit/interpreter/plan-fixture.ts'
import { BUILT_BUNDLE } from './built-bundle.ts'
import { eventually, pool } from './effects-world.ts'
import type { TestStack } from './global-stack.ts'
import { registerNamespace } from './namespace.ts'
import { openEngineWorld, type EngineWorld } from './engine-world.ts'

export const TASK_QUEUE = 'test'

/** An engine on real servers, with a diagnosed database of things, some of them `bad`. A test starts the workers that it needs. */
export interface WorkflowWorld {
  engine: Engine
  history: EngineWorld
  /** Connected as the owner of the diagnosed database. */
  things: pg.Pool
  /** The lead's registered private key. */
  leadsKey: string
  addThings(group: string, ...ids: string[]): Promise<void>
  /** `workflows`: the path of other workflow code, which this worker runs instead of the engine's. */
  startWorker(change?: Partial<ActivityDependencies>, workflows?: string): Promise<{ stop(): Promise<void> }>
  /** Opens an incident about a group of things. */
  open(type: string, group: string): Promise<string>
  /** Polls the incident until the condition holds. `what` is for the error message. */
  until(incident: string, what: string, holds: (view: IncidentView) => boolean): Promise<IncidentView>
  atGate(incident: string): Promise<IncidentView>
  closed(incident: string): Promise<IncidentView>
  decide(
    view: IncidentView,
    who?: string,
    change?: { decision?: 'approve' | 'reject'; targets?: string[] },
  ): Promise<void>
  close(): Promise<void>
}

/** `thingsServer` is another PostgreSQL for the diagnosed database; the database stays there after the test. `connections` are connections in addition to the usual one. */
export interface WorkflowWorldOptions {
  thingsServer?: string
  connections?: Config['connections']
}

export async function openWorkflowWorld(
  stack: TestStack,
  plans: Plan[],
  { thingsServer, connections = {} }: WorkflowWorldOptions = {},
): Promise<WorkflowWorld> {
  const history = await openEngineWorld(stack.postgresUrl)
  const database = `${history.name}_things`
  const url = await provisionDatabase(thingsServer ?? stack.postgresUrl, database, `${database}_owner`)
  await prepareLedger(url, `${database}_owner`)
  const things = pool(url)
  await things.query(`CREATE TABLE things (id text PRIMARY KEY, grp text NOT NULL, n integer NOT NULL, state text NOT NULL,
    changes integer NOT NULL DEFAULT 0)`)
  await things.query(`CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.changes := OLD.changes + 1; RETURN NEW; END'`)
  await things.query(`CREATE TRIGGER count_change BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION count_change()`)
  const namespace = history.name.replaceAll('_', '-')
  await registerNamespace(stack.temporalAddress, namespace)
  const leadsKey = newSigningKey()
  const engine = await assemble(
    history,
    url,
    { address: stack.temporalAddress, namespace },
    plans,
    leadsKey,
    connections,
  )
  const workers = new Set<{ stop(): Promise<void> }>()
  const until: WorkflowWorld['until'] = async (incident, what, holds) => {
    let view = await showIncident(engine.database, incident)
    await eventually(`${incident} ${what}, but it is ${view.state}`, async () => {
      view = await showIncident(engine.database, incident)
      return holds(view)
    })
    return view
  }
  return {
    engine,
    history,
    things,
    leadsKey,
    until,
    addThings: async (group, ...ids) => {
      for (const id of ids) await things.query(`INSERT INTO things VALUES ($1, $2, 2, 'bad')`, [id, group])
    },
    startWorker: async (change, workflows) => {
      const other = workflows && (await bundleWorkflowCode({ workflowsPath: workflows, logger: QUIET }))
      const worker = await startWorker(engine, other || BUILT_BUNDLE, change)
      workers.add(worker)
      return worker
    },
    open: async (type, group) =>
      (await trigger(engine, { type, inputs: { group }, requester: 'person:operator' })).incident,
    atGate: (incident) => until(incident, 'waits at a gate', (view) => view.rounds.at(-1)?.gate?.state === 'open'),
    closed: (incident) => until(incident, 'is closed', (view) => view.state === 'closed'),
    decide: async (view, who = 'lead', change = {}) => {
      const { id, proposalDigest } = view.rounds.at(-1)!.gate!
      await decideGate(engine, engine.people[who]!, { gate: id, proposalDigest, decision: 'approve', ...change })
    },
    close: async () => {
      await Promise.all([...workers].map((worker) => worker.stop()))
      await engine.close()
      await things.end()
      if (thingsServer === undefined) {
        await history.superuser.query(`DROP DATABASE ${database} WITH (FORCE)`)
        await history.superuser.query(`DROP ROLE ${database}_owner`)
      }
      await history.close()
    },
  }
}

async function assemble(
  history: EngineWorld,
  url: string,
  temporal: { address: string; namespace: string },
  plans: Plan[],
  leadsKey: string,
  connections: Config['connections'],
): Promise<Engine> {
  const person = (name: string, groups: string[], keys: string[] = []): Person => ({ name, groups, keys })
  const people: People = {
    operator: person('operator', ['oncall']),
    lead: person('lead', ['oncall'], [publicKeyOf(leadsKey)]),
    reader: person('reader', []),
  }
  const secret = new Secret(url, 'things', url, [])
  const config = {
    temporal: { taskQueue: TASK_QUEUE },
    connections: {
      db: { kind: 'postgres', read: secret, write: secret, ledger: 'target', redact: [] },
      ...connections,
    },
    channels: {},
    groups: {},
    auto: [],
    maintenance: [],
    requesterMayApprove: true,
    policy: NO_POLICY,
    limits: { perIncident: 200 },
    people,
  } as unknown as Config
  const loaded = plans.map((one) => ({
    file: 'by hand',
    text: 'by hand',
    plan: one,
    planDigest: digest(one as unknown as Json),
    names: [],
  }))
  const targets = openTargets(config)
  const connected = await connectTemporal(temporal)
  return {
    config,
    database: history.engine,
    temporal: connected,
    catalogue: {
      runbooks: loaded,
      problems: [],
      authors: new Map(),
      files: loaded.length,
      byName: new Map(loaded.map((one) => [one.plan.name, one])),
      byIncident: new Map(loaded.map((one) => [one.plan.incident, one])),
    },
    files: { loadedAt: new Date().toISOString(), problems: [], restart: [] },
    people,
    keyring: openKeyring({ key: newSigningKey() }, people),
    targets,
    close: async () => {
      await connected.close()
      await targets.close()
    },
  }
}

/** Like src/temporal/worker.ts, with activities that a test can change. */
export async function startWorker(
  engine: Engine,
  workflowBundle: WorkflowBundleOption = BUILT_BUNDLE,
  change?: Partial<ActivityDependencies>,
) {
  const dependencies = { ...activityDependencies(engine), ...change }
  const { taskQueue } = engine.config.temporal
  const connection = await NativeConnection.connect(engine.temporal.options)
  const common = {
    connection,
    namespace: engine.temporal.namespace,
    ...ACTIVITY_WORKER,
    shutdownGraceTime: '1s',
    shutdownForceTime: '5s',
  } as const
  const workers = [
    await Worker.create({
      ...common,
      ...WORKFLOW_WORKER,
      taskQueue: diagnoseQueue(taskQueue),
      workflowBundle,
      activities: createDiagnoseActivities(dependencies),
    }),
    await Worker.create({
      ...common,
      taskQueue: remediateQueue(taskQueue),
      activities: createRemediateActivities(dependencies),
    }),
  ]
  const running = Promise.all(workers.map((worker) => worker.run()))
  let stopped: Promise<void> | undefined
  return {
    stop: () =>
      (stopped ??= (async () => {
        for (const worker of workers) worker.shutdown()
        await running
        await connection.close()
      })()),
  }
}

const QUIET = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error: console.error }

const GROUP: Value = { expr: expression('inputs.group') }

/** A check that finds the bad things of the group, or the rows of another statement. */
export function thingsCheck(
  name: string,
  sql = `SELECT id, n FROM things WHERE grp = $1 AND state = 'bad' ORDER BY id`,
): PlanCheck {
  const params: Value = { list: [GROUP] }
  const columns: Value = { lit: { id: 'string', n: 'int' } }
  return {
    ...plan().checks[0]!,
    name,
    with: { connection: { lit: 'db' }, sql: { lit: sql }, params, columns },
    timeoutMs: 4_000,
  }
}

/** A remedy that makes each bad thing good, and verifies it within 5 seconds. */
export function mending(change: Partial<PlanRemedy> = {}): PlanRemedy {
  return remedy('mend', {
    actions: [
      {
        id: '0-sql.update',
        kind: 'sql.update',
        access: 'write',
        with: {
          connection: { lit: 'db' },
          table: { lit: 'things' },
          where: { map: { id: { expr: expression('thing.id') }, state: { lit: 'bad' } } },
          set: { map: { state: { lit: 'good' } } },
        },
        once: false,
        timeoutMs: 5_000,
      },
    ],
    lock: { text: ['thing/', expression('thing.id')] },
    verify: {
      checks: [thingsCheck('after')],
      until: expression('targets.all(t, !after.rows.exists(r, r.id == t.id))', ['after']),
      holdsMs: 200,
      everyMs: 100,
      withinMs: 5_000,
    },
    ...change,
  })
}

/** A plan about one group of things. Its incident type has the same name. */
export function thingsPlan(name: string, change: Partial<Plan> = {}): Plan {
  const base = plan()
  return {
    ...base,
    name: name,
    incident: name,
    inputs: { group: { type: 'string', optional: false } },
    key: { text: [`${name}/`, expression('inputs.group')] },
    checks: [thingsCheck('bad')],
    causes: base.causes.slice(0, 1),
    remedies: { mend: mending() },
    ...change,
  }
}
