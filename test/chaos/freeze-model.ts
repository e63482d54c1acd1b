/**
 * A model of `runbook freeze` and of the permits that are taken at the same time (src/engine/freeze.ts, src/gate/permit-limits.ts),
 * without a database. Two sessions take permits; each may stop for good between any two steps. The model is small enough to check every
 * order of steps.
 */
export const FREEZE_GUARDS = [
  'the control is committed before the freeze waits',
  'a permit reads the controls after it has taken the lock',
  'a permit holds the lock until it is committed',
  'the freeze waits for the permits that hold the lock',
  'a session that stopped is ended',
  'a session that cannot be ended is named',
] as const
export type FreezeGuard = (typeof FREEZE_GUARDS)[number]

type PermitStep = 'start' | 'locked' | 'read' | 'ended'

interface Session {
  step: PermitStep
  /** Whether the session takes no more steps by itself while its transaction is open. After the freeze it may continue. */
  isStopped: boolean
  /** Whether the session belongs to another role, so that the freeze may not end it. */
  isForeign: boolean
  holdsLock: boolean
  sawFreeze: boolean
}

type FreezeStep = 'start' | 'written' | 'waited' | 'returned'

interface State {
  freeze: FreezeStep
  isCommitted: boolean
  sessions: Session[]
  /** Numbers of the sessions that the answer names. */
  named: number[]
  /** Numbers of the sessions that got a permit after the freeze had returned. */
  late: number[]
}

/** Searches all reachable states. Returns the first violation, or undefined if there is none. */
export function findViolation(disabled: readonly FreezeGuard[] = []): string | undefined {
  const isEnabled = (guard: FreezeGuard) => !disabled.includes(guard)
  const visited = new Set<string>()
  const pending = [initial(false), initial(true)]
  for (let state = pending.pop(); state; state = pending.pop()) {
    const name = JSON.stringify(state)
    if (visited.has(name)) continue
    visited.add(name)
    const { named, late } = state
    const unnamed = late.find((number) => !named.includes(number))
    if (unnamed !== undefined) return `session ${unnamed} got a permit after the freeze had returned`
    pending.push(...nextStates(state, isEnabled))
  }
  return undefined
}

function initial(isForeign: boolean): State {
  const session = { step: 'start', isStopped: false, holdsLock: false, sawFreeze: false } as const
  return {
    freeze: 'start',
    isCommitted: false,
    sessions: [
      { ...session, isForeign },
      { ...session, isForeign: false },
    ],
    named: [],
    late: [],
  }
}

function nextStates(state: State, isEnabled: (guard: FreezeGuard) => boolean): State[] {
  const next: State[] = []
  const change = (make: (copy: State) => void) => {
    const copy = { ...state, sessions: state.sessions.map((one) => ({ ...one })), named: [...state.named] }
    copy.late = [...state.late]
    make(copy)
    next.push(copy)
  }
  for (const [number, session] of state.sessions.entries()) {
    if (session.step === 'ended') continue
    if (!session.isStopped) change((copy) => takePermitStep(copy, number, isEnabled))
    // A suspended worker may be continued at any time.
    change((copy) => void (copy.sessions[number]!.isStopped = !session.isStopped))
  }
  if (canFreezeStep(state, isEnabled)) change((copy) => takeFreezeStep(copy, isEnabled))
  return next
}

function takePermitStep(state: State, number: number, isEnabled: (guard: FreezeGuard) => boolean): void {
  const session = state.sessions[number]!
  const readsFirst = !isEnabled('a permit reads the controls after it has taken the lock')
  switch (session.step) {
    case 'start':
      if (readsFirst) session.sawFreeze = state.isCommitted
      else session.holdsLock = true
      session.step = 'locked'
      return
    case 'locked':
      if (readsFirst) session.holdsLock = true
      else session.sawFreeze = state.isCommitted
      session.step = 'read'
      if (!isEnabled('a permit holds the lock until it is committed')) session.holdsLock = false
      return
    case 'read':
      if (!session.sawFreeze && state.freeze === 'returned') state.late.push(number)
      session.step = 'ended'
      session.holdsLock = false
      return
  }
}

/**
 * The freeze waits for a session that holds the lock only while the session makes progress. If the session has stopped, the freeze ends it,
 * or leaves it and names it.
 */
function canFreezeStep({ freeze, sessions }: State, isEnabled: (guard: FreezeGuard) => boolean): boolean {
  if (freeze === 'returned') return false
  if (freeze !== 'written' || !isEnabled('the freeze waits for the permits that hold the lock')) return true
  return sessions.every(({ holdsLock, isStopped }) => !holdsLock || isStopped)
}

function takeFreezeStep(state: State, isEnabled: (guard: FreezeGuard) => boolean): void {
  switch (state.freeze) {
    case 'start':
      state.isCommitted = isEnabled('the control is committed before the freeze waits')
      state.freeze = 'written'
      return
    case 'written':
      if (isEnabled('the freeze waits for the permits that hold the lock')) endOrName(state, isEnabled)
      state.freeze = 'waited'
      return
    case 'waited':
      state.isCommitted = true
      state.freeze = 'returned'
      return
  }
}

function endOrName({ sessions, named }: State, isEnabled: (guard: FreezeGuard) => boolean): void {
  for (const [number, session] of sessions.entries()) {
    if (!session.holdsLock) continue
    if (!session.isForeign) {
      if (isEnabled('a session that stopped is ended')) Object.assign(session, { step: 'ended', holdsLock: false })
    } else if (isEnabled('a session that cannot be ended is named')) named.push(number)
  }
}
