import type { Plan } from '../../core/plan.ts'
import type { ScenarioRun } from './run-scenario.ts'
import { roundsOf } from './round-results.ts'

/** Which causes and remedies the scenarios of a runbook reach. */
export interface Coverage {
  causes: { cause: string; holds: number; ruledOut: number; undetermined: number }[]
  remedies: {
    remedy: string
    proposed: number
    verified: number
    /** The number of scenarios that apply the remedy, have no recovery, and expect that the remedy is not verified. */
    unrecovered: number
    /** Whether the remedy has a verification. A remedy of messages and manual steps may have none. */
    verifies: boolean
  }[]
  /** One sentence for each cause or remedy that no scenario reaches. */
  gaps: string[]
}

/** Counts of all scenarios of one runbook that passed. */
export function coverageOf(plan: Plan, runs: readonly ScenarioRun[]): Coverage {
  const passed = runs.filter(({ mismatches }) => mismatches.length === 0)
  const rounds = passed.flatMap(({ run, scenario }) =>
    roundsOf(run).map((result) => ({ ...result, expect: scenario.expect.each[result.round - 1] })),
  )
  const causes = plan.causes.map(({ name: cause }) => {
    const found = rounds.flatMap(({ findings }) => findings.filter((one) => one.cause === cause))
    const count = (holds: true | false | 'undetermined') => found.filter((one) => one.holds === holds).length
    return { cause, holds: count(true), ruledOut: count(false), undetermined: count('undetermined') }
  })
  const remedies = Object.values(plan.remedies).map(({ name: remedy, verify }) => {
    const own = rounds.filter(({ draft }) => draft?.remedy === remedy)
    return {
      remedy,
      proposed: own.length,
      verified: own.filter(({ verified, unseen }) => verified === true && !unseen).length,
      unrecovered: own.filter(({ verified, expect }) => verified === false && expect?.verified !== undefined).length,
      verifies: verify.checks.length > 0,
    }
  })
  return {
    causes,
    remedies,
    gaps: [
      ...causes.filter(({ holds }) => holds === 0).map(({ cause }) => `no scenario reaches the cause ${cause}`),
      ...remedies.flatMap(({ remedy, proposed, verified, unrecovered, verifies }) => {
        if (proposed === 0) return [`no scenario reaches the remedy ${remedy}`]
        if (!verifies) return []
        return [
          ...(verified === 0 ? [`no scenario verifies the remedy ${remedy}`] : []),
          ...(unrecovered === 0
            ? [`no scenario expects "verified: false" for ${remedy} when the write succeeds and nothing recovers`]
            : []),
        ]
      }),
    ],
  }
}
