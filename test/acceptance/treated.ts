import type { RoundView } from '../../src/engine/views/view-types.ts'

/** What a round comes to: the causes that hold, what is proposed, and for what. */
export interface Treated {
  holds: string[]
  remedy: string | null
  targets: string[]
}

export function treated({ causes, remedy, targets, gate }: RoundView): Treated {
  const first = causes.find((cause) => cause.holds === true)
  if (gate && gate.proposal.cause !== first?.cause)
    throw new Error(`${gate.proposal.cause} is treated, although ${first?.cause} is the first that holds`)
  return {
    holds: causes.filter((cause) => cause.holds === true).map((cause) => cause.cause),
    remedy,
    targets: targets.map((target) => target.key).sort(),
  }
}
