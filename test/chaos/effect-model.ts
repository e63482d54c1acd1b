/**
 * A model of the guarded write with a ledger (src/effects/apply-sql.ts), without a database. Two processes apply the same effect. Each
 * may be paused, continue or crash between any two steps, while time passes and another process may take the lease. The model is small
 * enough to check every order of steps.
 */
export const EFFECT_GUARDS = [
  'the ledger: an entry is committed together with the change',
  'the key: a second process waits until the ledger entry is committed or rolled back',
  'the fence: a permit is refused if a newer permit was issued',
  'the deadline: a write does not start after it',
  'the server ends an idle transaction',
  'the record is read after the permit, while the key is locked',
  'a refusal is recorded while the key is locked',
  'a refusal without the key is recorded only if no permit was issued',
] as const
export type EffectGuard = (typeof EFFECT_GUARDS)[number]

/** The next step of a process. `ended`: the process has crashed or finished. */
type Step =
  'start' | 'insertKey' | 'recheck' | 'permit' | 'reread' | 'fence' | 'write' | 'commit' | 'record' | 'refuse' | 'ended'

interface Process {
  step: Step
  /** True from the start of the process's transaction to its end. The server may end the transaction before the process does. */
  inTransaction: boolean
  fence: number
  /** Clock value of the re-check. */
  recheckedAt: number
  /** Clock value of the last statement. */
  lastStatementAt: number
  hasWritten: boolean
  attempts: number
}

interface State {
  clock: number
  processes: Process[]
  /** The process that has inserted the effect's key in the target and not yet committed. */
  key: number | null
  hasLedgerEntry: boolean
  /** How often the change was committed. */
  changes: number
  /** The result in the history. */
  recorded: 'applied' | 'refused' | null
  /** The highest fence stored in the target. */
  highestFence: number
  /** The highest fence issued by the engine. */
  issuedFence: number
  /** 0 until one of our processes gets a permit. */
  leaseUntil: number
  /** From this clock value on another incident holds the lease of the same target; our processes must not change it. */
  otherHolderSince: number | null
  /** Whether our processes changed the target after another incident took the lease. */
  changedWithoutLease: boolean
  /** The emergency stop: every permit is refused. */
  frozen: boolean
  freezeCount: number
}

const FENCE: EffectGuard = 'the fence: a permit is refused if a newer permit was issued'
/** During these steps the row of the fence is locked, until the end of the transaction. */
const AFTER_FENCE: Step[] = ['write', 'commit']

const DEADLINE = 1
const IDLE_TIMEOUT = 1
const LEASE = DEADLINE + IDLE_TIMEOUT + 1
const MAX_CLOCK = 4
const MAX_ATTEMPTS = 2

/** Searches all reachable states. Returns the first violation, or undefined if there is none. */
export function findViolation(disabled: readonly EffectGuard[] = []): string | undefined {
  const isEnabled = (guard: EffectGuard) => !disabled.includes(guard)
  const visited = new Set<string>()
  const pending = [initial()]
  for (let state = pending.pop(); state; state = pending.pop()) {
    const name = nameOf(state)
    if (visited.has(name)) continue
    visited.add(name)
    const [violation] = violationsOf(state)
    if (violation) return violation
    pending.push(...nextStates(state, isEnabled))
  }
  return undefined
}

/** An identifier of the state. Exchanging the two processes gives the same identifier. */
function nameOf({ processes, key, ...rest }: State): string {
  const named = processes.map((process, number) => Object.values({ ...process, key: key === number }).join())
  return `${Object.values(rest).join()};${named.sort().join(';')}`
}

function initial(): State {
  const process = (): Process => ({
    step: 'start',
    inTransaction: false,
    fence: 0,
    recheckedAt: 0,
    lastStatementAt: 0,
    hasWritten: false,
    attempts: 1,
  })
  return {
    clock: 0,
    processes: [process(), process()],
    key: null,
    hasLedgerEntry: false,
    changes: 0,
    recorded: null,
    highestFence: 0,
    issuedFence: 0,
    leaseUntil: 0,
    otherHolderSince: null,
    changedWithoutLease: false,
    frozen: false,
    freezeCount: 0,
  }
}

function violationsOf(state: State): string[] {
  const ended = state.processes.every((process) => process.step === 'ended')
  return [
    ...(state.changes > 1 ? ['changed twice'] : []),
    ...(state.changedWithoutLease ? ['changed after another incident took the lease'] : []),
    ...(state.recorded === 'refused' && state.changes > 0 ? ['recorded as refused, but changed'] : []),
    ...(ended && state.recorded === 'applied' && state.changes === 0 ? ['recorded as applied, but not changed'] : []),
  ]
}

/**
 * All possible next states: a process takes a step, crashes, or cannot log in to the target; time passes, the emergency stop is set or released, or another incident
 * takes the lease of the same target. That incident may work elsewhere, where this fence is not stored, but only after the lease has
 * expired. Or it works on the same database with a higher fence, at any time, because a lease can be lost with the engine's database or
 * through its clock.
 */
function nextStates(state: State, isEnabled: (guard: EffectGuard) => boolean): State[] {
  const next: State[] = []
  for (const number of state.processes.keys()) {
    const stepped = step(state, number, isEnabled)
    if (stepped) next.push(stepped)
    if (state.processes[number]!.step === 'insertKey')
      next.push(withChange(state, (copy) => refuseLogin(copy, number, isEnabled)))
    if (state.processes[number]!.step !== 'ended') next.push(withChange(state, (copy) => crash(copy, number)))
  }
  if (state.clock < MAX_CLOCK) next.push(withChange(state, (copy) => advanceClock(copy, isEnabled)))
  if (state.otherHolderSince === null && state.issuedFence > 0) {
    const begin = (copy: State) => void (copy.otherHolderSince = copy.clock)
    if (state.clock >= state.leaseUntil) next.push(withChange(state, begin))
    const isFenceHeld = state.processes.some(({ inTransaction, step: at }) => inTransaction && AFTER_FENCE.includes(at))
    if (!isEnabled(FENCE) || !isFenceHeld)
      next.push(
        withChange(state, (copy) => {
          begin(copy)
          copy.issuedFence += 1
          copy.highestFence = copy.issuedFence
        }),
      )
  }
  if (state.freezeCount === 0 || state.frozen)
    next.push(
      withChange(state, (copy) => {
        copy.frozen = !copy.frozen
        copy.freezeCount = 1
      }),
    )
  return next
}

function withChange(state: State, change: (copy: State) => void): State {
  const copy = { ...state, processes: state.processes.map((process) => ({ ...process })) }
  change(copy)
  return copy
}

/** The process crashes, and its transaction is rolled back. A new process without knowledge of it retries, up to MAX_ATTEMPTS times. */
function crash(state: State, number: number): void {
  rollBack(state, number)
  retry(state, number)
}

/** The target refuses the login, so the process cannot take the key. Permits and the record are in one database, with one lock. */
function refuseLogin(state: State, number: number, isEnabled: (guard: EffectGuard) => boolean): void {
  if (state.leaseUntil > 0 && isEnabled('a refusal without the key is recorded only if no permit was issued'))
    return retry(state, number)
  state.recorded ??= 'refused'
  state.processes[number]!.step = 'ended'
}

function rollBack(state: State, number: number): void {
  if (state.key === number) state.key = null
  const process = state.processes[number]!
  process.inTransaction = false
  process.hasWritten = false
}

function retry(state: State, number: number): void {
  const { attempts } = state.processes[number]!
  const isLast = attempts >= MAX_ATTEMPTS || state.recorded !== null
  state.processes[number] = { ...initial().processes[0]!, step: isLast ? 'ended' : 'start', attempts: attempts + 1 }
}

function advanceClock(state: State, isEnabled: (guard: EffectGuard) => boolean): void {
  state.clock += 1
  if (!isEnabled('the server ends an idle transaction')) return
  for (const [number, process] of state.processes.entries())
    if (process.inTransaction && state.clock - process.lastStatementAt > IDLE_TIMEOUT) rollBack(state, number)
}

function step(state: State, number: number, isEnabled: (guard: EffectGuard) => boolean): State | undefined {
  const { step: at } = state.processes[number]!
  if (at === 'ended') return undefined
  const isWaiting =
    at === 'insertKey' &&
    state.key !== null &&
    isEnabled('the key: a second process waits until the ledger entry is committed or rolled back')
  if (isWaiting) return undefined
  return withChange(state, (copy) => {
    const process = copy.processes[number]!
    // If the server has ended the transaction, the next statement fails and the process starts again.
    const wasEndedByServer = !process.inTransaction && ['recheck', 'fence', 'write', 'commit'].includes(at)
    if (wasEndedByServer) retry(copy, number)
    else execute(copy, number, process, isEnabled)
    process.lastStatementAt = copy.clock
  })
}

function execute(state: State, number: number, process: Process, isEnabled: (guard: EffectGuard) => boolean): void {
  const end = () => {
    rollBack(state, number)
    process.step = 'ended'
  }
  switch (process.step) {
    case 'start':
      process.step = 'insertKey'
      return state.recorded ? end() : undefined
    case 'insertKey':
      if (state.hasLedgerEntry && isEnabled('the ledger: an entry is committed together with the change')) {
        process.step = 'record'
        return
      }
      process.inTransaction = true
      state.key = number
      process.step = 'recheck'
      return
    case 'recheck':
      process.recheckedAt = state.clock
      process.step = 'permit'
      return
    case 'permit':
      // The permit comes from the engine's database, which does not know the target's transaction.
      if (state.frozen || state.otherHolderSince !== null) {
        process.step = 'refuse'
        return
      }
      state.issuedFence += 1
      process.fence = state.issuedFence
      state.leaseUntil = state.clock + LEASE
      process.step = 'reread'
      return
    case 'reread':
      if (state.recorded && isEnabled('the record is read after the permit, while the key is locked')) return end()
      process.step = 'fence'
      return
    case 'fence':
      if (process.fence < state.highestFence && isEnabled(FENCE)) {
        rollBack(state, number)
        return retry(state, number)
      }
      state.highestFence = Math.max(state.highestFence, process.fence)
      process.step = 'write'
      return
    case 'write':
      if (state.clock > process.recheckedAt + DEADLINE && isEnabled('the deadline: a write does not start after it')) {
        rollBack(state, number)
        return retry(state, number)
      }
      process.hasWritten = true
      process.step = 'commit'
      return
    case 'commit':
      state.changes += 1
      state.hasLedgerEntry = true
      if (state.otherHolderSince !== null) state.changedWithoutLease = true
      rollBack(state, number)
      process.step = 'record'
      return
    case 'refuse':
      if (isEnabled('a refusal is recorded while the key is locked') && !process.inTransaction)
        return retry(state, number)
      state.recorded ??= 'refused'
      return end()
    case 'record':
      state.recorded ??= 'applied'
      return end()
  }
}
