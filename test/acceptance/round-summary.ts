import type { RoundView } from '../../src/engine/views/view-types.ts'

/** The result of a diagnosis: the causes that hold, the proposed remedy and its targets. */
export interface RoundSummary {
  holds: string[]
  remedy: string | null
  targets: string[]
}

/** @throws if the proposal is not for the first cause that holds */
export function summarizeRound({ causes, remedy, targets, gate }: RoundView): RoundSummary {
  const first = causes.find((cause) => cause.holds === true)
  if (gate && gate.proposal.cause !== first?.cause)
    throw new Error(`the proposal is for ${gate.proposal.cause}, but the first cause that holds is ${first?.cause}`)
  return {
    holds: causes.filter((cause) => cause.holds === true).map((cause) => cause.cause),
    remedy,
    targets: targets.map((target) => target.key).sort(),
  }
}
