import type { Plan, PlanRemedy } from '../../core/plan.ts'
import { conditionsOnWrite } from '../../language/compile/conditions-on-write.ts'
import type { Scenario } from '../../language/scenarios/scenario.ts'
import { simulate, type Simulated } from '../simulator.ts'
import { compare, type Mismatch } from './compare.ts'
import { roundsOf, summarizeRun } from './round-results.ts'
import { scenarioWorld, type ScenarioWorld } from './world.ts'

export interface ScenarioRun {
  scenario: Scenario
  /** The differences from the expectations; empty if the scenario passed. */
  mismatches: Mismatch[]
  /** The run as text: one line for each round and one line for the end. */
  summary: string[]
  run: Simulated
}

/** Runs one scenario in the simulator. */
export async function runScenario(plan: Plan, scenario: Scenario): Promise<ScenarioRun> {
  const world = scenarioWorld(scenario)
  const run = await simulate(plan, scenario.inputs, world)
  const mismatches = [
    ...scenarioProblems(scenario, world),
    ...compare(scenario.expect, run).map(explainNextRound(plan, run)),
  ]
  if (mismatches.length === 0) mismatches.push(...(await verifiesWithoutRecovery(plan, scenario, run)))
  return { scenario, mismatches, summary: summarizeRun(run), run }
}

/**
 * Adds a hint to a mismatch if another round follows a verified remedy. Then the scenario probably has no new results
 * for the checks of the symptom.
 */
function explainNextRound({ symptom }: Plan, run: Simulated): (mismatch: Mismatch) => Mismatch {
  const firstVerified = roundsOf(run).find(({ verified }) => verified === true)
  const verb = firstVerified?.unseen ? 'ended' : 'was verified'
  const continues =
    symptom !== undefined &&
    firstVerified !== undefined &&
    roundsOf(run).some(({ round }) => round > firstVerified.round)
  return (mismatch) => {
    if (!continues || !['outcome', 'rounds'].includes(mismatch.what)) return mismatch
    const why = `after round ${firstVerified.round} ${verb}, the symptom was still present. Give ${symptom.checks.join(' and ')} a phase "from: applied", or let "verify" wait for the recovery`
    return { ...mismatch, actual: `${mismatch.actual}; ${why}` }
  }
}

/** Mistakes in the scenario itself. */
function scenarioProblems(
  { at }: Scenario,
  { missingChecks, invalidSubsets, unknownTargets }: ScenarioWorld,
): Mismatch[] {
  return [
    ...[...missingChecks].map(([check, place]) => ({
      what: `the check ${check}`,
      expected: 'a result in "given"',
      actual: `no result is given, and the check ran (${place})`,
      at,
    })),
    ...invalidSubsets.map((round) => ({
      what: `round ${round}, the decision`,
      expected: 'to approve a subset of the targets',
      actual: 'a write is done once for all targets: approve all of them, or reject',
      at,
    })),
    ...unknownTargets.map(({ round, target }) => ({
      what: `round ${round}, the decision`,
      expected: `to approve ${target}`,
      actual: 'it was not proposed',
      at,
    })),
  ]
}

function whyVerified(remedy: PlanRemedy, { checks }: Scenario): string {
  const { written } = conditionsOnWrite(remedy)
  if (written.length > 0)
    return `"until" is true because of the write alone: it tests columns that "set" writes (${written.join(', ')}). Test what happens after the write, and give the results of its checks from before the write.`
  const own = remedy.verify.checks.map(({ name }) => name)
  const changes = own.filter((name) =>
    (checks.get(`${remedy.name}/${name}`) ?? checks.get(name))?.some(
      ({ from }) => from === 'applied' || from === 'verifying',
    ),
  )
  if (changes.length === 0)
    return `"until" is already true with the results from before the remedy. Give its checks a phase "from: applied".`
  const named = own.join(' and ')
  return `"until" is already true with the results of ${named} from before "from: applied". Make "until" stricter, or correct the results of ${named} from before the write.`
}

/**
 * A remedy must not be verified when nothing changes after it was applied. Every scenario in which a remedy is verified therefore runs
 * again in a world that stays as it was just before: phases "from: applied" never begin, not even for the result of the write itself.
 */
async function verifiesWithoutRecovery(plan: Plan, scenario: Scenario, run: Simulated): Promise<Mismatch[]> {
  const first = roundsOf(run).find((result) => result.verified !== undefined)
  const remedy = first?.draft && plan.remedies[first.draft.remedy]
  if (!first?.verified || !remedy || remedy.verify.checks.length === 0) return []
  const unchanged = await simulate(plan, scenario.inputs, scenarioWorld(scenario, { frozen: true }))
  if (roundsOf(unchanged).find((result) => result.round === first.round)?.verified !== true) return []
  return [
    {
      what: `round ${first.round}, ${remedy.name}`,
      expected: 'not verified when nothing changes after it was applied',
      actual: `verified: ${whyVerified(remedy, scenario)}`,
      at: scenario.at,
    },
  ]
}
