/**
 * The protocol of a guarded write with a ledger (src/effects/apply-sql.ts), step by step, without a database: two processes that
 * work at the same effect, each of which may be stopped, go on, or die between any two steps, while time passes and somebody else
 * may take the lease. Small enough to look at every order of steps.
 */
export const EFFECT_GUARDS = [
  'the ledger: an entry, committed with the change, says that it was made',
  'the key: a twin waits until the entry is committed or gone',
  'the fence: a permit that was given to another since is refused',
  'the deadline: a write does not begin after it',
  'the server ends a transaction that stands still',
  'the record is looked at while the key is held',
  'a refusal is recorded while the key is held',
] as const
export type EffectGuard = (typeof EFFECT_GUARDS)[number]

/** What a process does next. `gone`: it is dead, or has ended. */
type Step = 'start' | 'enter' | 'look' | 'permit' | 'fence' | 'write' | 'commit' | 'record' | 'refuse' | 'gone'

interface Process {
  step: Step
  /** Since its transaction began: it holds the key until it ends, unless the server ended it. */
  inTransaction: boolean
  fence: number
  /** Ticks of the clock at which it read it, and made its last statement. */
  readAt: number
  lastAt: number
  wrote: boolean
  attempts: number
}

interface State {
  clock: number
  processes: Process[]
  /** Which process holds the effect's key in the target, uncommitted. */
  key: number | null
  entered: boolean
  /** How often the change was committed. */
  changes: number
  /** What the history says. */
  recorded: 'applied' | 'refused' | null
  /** The highest fence that the target has seen, and that was given out. */
  seen: number
  given: number
  leaseUntil: number
  /** Somebody else acts on the same thing, by a lease of its own; from then on nothing of ours may change it. */
  otherSince: number | null
  /** A change of ours after another's turn began. */
  late: boolean
  /** From now on every permit is refused: the emergency stop. */
  frozen: boolean
  freezes: number
}

const FENCE: EffectGuard = 'the fence: a permit that was given to another since is refused'
/** Its row is locked from when it was raised to the end of the transaction. */
const AFTER_FENCE: Step[] = ['write', 'commit']

const DEADLINE = 1
const IDLE = 1
const LEASE = DEADLINE + IDLE + 1
const LONGEST = 4
const ATTEMPTS = 2

/** The first fault that is reached, in words; undefined where none can be, which is so with all guards. */
export function findFault(without: readonly EffectGuard[] = []): string | undefined {
  const has = (guard: EffectGuard) => !without.includes(guard)
  const known = new Set<string>()
  const left = [initial()]
  for (let state = left.pop(); state; state = left.pop()) {
    const name = nameOf(state)
    if (known.has(name)) continue
    known.add(name)
    const [fault] = faultsOf(state)
    if (fault) return fault
    left.push(...nextStates(state, has))
  }
  return undefined
}

/** Which of the two processes is the first makes no difference. */
function nameOf({ processes, key, ...rest }: State): string {
  const named = processes.map((process, number) => Object.values({ ...process, key: key === number }).join())
  return `${Object.values(rest).join()};${named.sort().join(';')}`
}

function initial(): State {
  const process = (): Process => ({
    step: 'start',
    inTransaction: false,
    fence: 0,
    readAt: 0,
    lastAt: 0,
    wrote: false,
    attempts: 1,
  })
  return {
    clock: 0,
    processes: [process(), process()],
    key: null,
    entered: false,
    changes: 0,
    recorded: null,
    seen: 0,
    given: 0,
    leaseUntil: 0,
    otherSince: null,
    late: false,
    frozen: false,
    freezes: 0,
  }
}

function faultsOf(state: State): string[] {
  const ended = state.processes.every((process) => process.step === 'gone')
  return [
    ...(state.changes > 1 ? ['changed twice'] : []),
    ...(state.late ? ['changed after the lease was another’s'] : []),
    ...(state.recorded === 'refused' && state.changes > 0 ? ['recorded as refused, and changed'] : []),
    ...(ended && state.recorded === 'applied' && state.changes === 0 ? ['recorded as applied, and not changed'] : []),
  ]
}

/**
 * Whatever may happen next: a process takes a step or dies, time passes, the emergency stop is pulled or let go, another's turn with the
 * same thing begins. The other works somewhere else, where this fence is not seen, and then only after the lease has ended; or here,
 * by a higher fence, at any moment: leases can be lost, with the engine's database or by its clock.
 */
function nextStates(state: State, has: (guard: EffectGuard) => boolean): State[] {
  const next: State[] = []
  for (const number of state.processes.keys()) {
    const stepped = step(state, number, has)
    if (stepped) next.push(stepped)
    if (state.processes[number]!.step !== 'gone') next.push(changed(state, (copy) => die(copy, number)))
  }
  if (state.clock < LONGEST) next.push(changed(state, (copy) => pass(copy, has)))
  if (state.otherSince === null && state.given > 0) {
    const begin = (copy: State) => void (copy.otherSince = copy.clock)
    if (state.clock >= state.leaseUntil) next.push(changed(state, begin))
    const isFenceHeld = state.processes.some(({ inTransaction, step: at }) => inTransaction && AFTER_FENCE.includes(at))
    if (!has(FENCE) || !isFenceHeld)
      next.push(
        changed(state, (copy) => {
          begin(copy)
          copy.given += 1
          copy.seen = copy.given
        }),
      )
  }
  if (state.freezes === 0 || state.frozen)
    next.push(
      changed(state, (copy) => {
        copy.frozen = !copy.frozen
        copy.freezes = 1
      }),
    )
  return next
}

function changed(state: State, change: (copy: State) => void): State {
  const copy = { ...state, processes: state.processes.map((process) => ({ ...process })) }
  change(copy)
  return copy
}

/** Its connection breaks: what it had begun is undone. It is tried again by a process that knows nothing of it, a few times. */
function die(state: State, number: number): void {
  undo(state, number)
  again(state, number)
}

function undo(state: State, number: number): void {
  if (state.key === number) state.key = null
  const process = state.processes[number]!
  process.inTransaction = false
  process.wrote = false
}

function again(state: State, number: number): void {
  const { attempts } = state.processes[number]!
  const isLast = attempts >= ATTEMPTS || state.recorded !== null
  state.processes[number] = { ...initial().processes[0]!, step: isLast ? 'gone' : 'start', attempts: attempts + 1 }
}

function pass(state: State, has: (guard: EffectGuard) => boolean): void {
  state.clock += 1
  if (!has('the server ends a transaction that stands still')) return
  for (const [number, process] of state.processes.entries())
    if (process.inTransaction && state.clock - process.lastAt > IDLE) undo(state, number)
}

function step(state: State, number: number, has: (guard: EffectGuard) => boolean): State | undefined {
  const { step: at } = state.processes[number]!
  if (at === 'gone') return undefined
  const isWaiting =
    at === 'enter' && state.key !== null && has('the key: a twin waits until the entry is committed or gone')
  if (isWaiting) return undefined
  return changed(state, (copy) => {
    const process = copy.processes[number]!
    // The server had ended its transaction: it is told so at its next statement, and begins anew.
    const isOver = !process.inTransaction && ['look', 'fence', 'write', 'commit'].includes(at)
    if (isOver) again(copy, number)
    else take(copy, number, process, has)
    process.lastAt = copy.clock
  })
}

function take(state: State, number: number, process: Process, has: (guard: EffectGuard) => boolean): void {
  const end = () => {
    undo(state, number)
    process.step = 'gone'
  }
  switch (process.step) {
    case 'start':
      process.step = 'enter'
      return state.recorded ? end() : undefined
    case 'enter':
      if (state.entered && has('the ledger: an entry, committed with the change, says that it was made')) {
        process.step = 'record'
        return
      }
      process.inTransaction = true
      state.key = number
      process.step = 'look'
      return
    case 'look':
      if (state.recorded && has('the record is looked at while the key is held')) return end()
      process.readAt = state.clock
      process.step = 'permit'
      return
    case 'permit':
      // Asked of the engine's database: it knows nothing of the target's transaction.
      if (state.frozen || state.otherSince !== null) {
        process.step = 'refuse'
        return
      }
      state.given += 1
      process.fence = state.given
      state.leaseUntil = state.clock + LEASE
      process.step = 'fence'
      return
    case 'fence':
      if (process.fence < state.seen && has(FENCE)) {
        undo(state, number)
        return again(state, number)
      }
      state.seen = Math.max(state.seen, process.fence)
      process.step = 'write'
      return
    case 'write':
      if (state.clock > process.readAt + DEADLINE && has('the deadline: a write does not begin after it')) {
        undo(state, number)
        return again(state, number)
      }
      process.wrote = true
      process.step = 'commit'
      return
    case 'commit':
      state.changes += 1
      state.entered = true
      if (state.otherSince !== null) state.late = true
      undo(state, number)
      process.step = 'record'
      return
    case 'refuse':
      if (has('a refusal is recorded while the key is held') && !process.inTransaction) return again(state, number)
      state.recorded ??= 'refused'
      return end()
    case 'record':
      state.recorded ??= 'applied'
      return end()
  }
}
