import type { Plan, PlanRemedy } from '../../core/plan.ts'
import { asksForWrite } from '../../language/compile/asks-for-write.ts'
import type { Scenario } from '../../language/scenarios/scenario.ts'
import { simulate, type Simulated } from '../simulator.ts'
import { compare, type Mismatch } from './compare.ts'
import { roundsOf, summarizeRun } from './round-results.ts'
import { worldOf, type ScenarioWorld } from './world.ts'

export interface ScenarioRun {
  scenario: Scenario
  /** Empty: it came as expected. */
  mismatches: Mismatch[]
  /** What happened, a line for each round and one for the end. */
  story: string[]
  run: Simulated
}

/** Runs one scenario on the interpreter, with a clock of its own: an hour takes no time. */
export async function runScenario(plan: Plan, scenario: Scenario): Promise<ScenarioRun> {
  const world = worldOf(scenario)
  const run = await simulate(plan, scenario.inputs, world)
  const mismatches = [...incomplete(scenario, world), ...compare(scenario.expect, run).map(withReason(plan, run))]
  if (mismatches.length === 0) mismatches.push(...(await verifiesWithoutRecovery(plan, scenario, run)))
  return { scenario, mismatches, story: summarizeRun(run), run }
}

/** Somebody who expected an end after the remedy has mostly forgotten to say how what the symptom reads changes. */
function withReason({ symptom }: Plan, run: Simulated): (mismatch: Mismatch) => Mismatch {
  const helped = roundsOf(run).find(({ verified }) => verified === true)
  const goesOn =
    symptom !== undefined && helped !== undefined && roundsOf(run).some(({ round }) => round > helped.round)
  return (mismatch) => {
    if (!goesOn || !['outcome', 'rounds'].includes(mismatch.what)) return mismatch
    const why = `after round ${helped.round} was verified, the symptom was still there: say how ${symptom.checks.join(' and ')} changes ("from: applied"), or let "verify" wait for it`
    return { ...mismatch, came: `${mismatch.came}; ${why}` }
  }
}

function incomplete({ at }: Scenario, { unknown, parts, unknownTargets }: ScenarioWorld): Mismatch[] {
  return [
    ...[...unknown].map(([check, place]) => ({
      what: `the check ${check}`,
      expected: 'a result in "given"',
      came: `nothing is said of it, and it was looked at (${place})`,
      at,
    })),
    ...parts.map((round) => ({
      what: `round ${round}, the decision`,
      expected: 'to approve a part of the targets',
      came: 'something is done once for all of them: they are approved together, or not',
      at,
    })),
    ...unknownTargets.map(({ round, target }) => ({
      what: `round ${round}, the decision`,
      expected: `to approve ${target}`,
      came: 'it was not proposed',
      at,
    })),
  ]
}

function whyVerified(remedy: PlanRemedy, { checks }: Scenario): string {
  const { written } = asksForWrite(remedy)
  if (written.length > 0)
    return `"until" holds by the write alone, since it asks for what "set" writes (${written.join(', ')}). Let it ask for what happens after the write, and give its checks as they were before it.`
  const own = remedy.verify.checks.map(({ name }) => name)
  const changes = own.filter((name) =>
    (checks.get(`${remedy.name}/${name}`) ?? checks.get(name))?.some(({ from }) => from === 'applied'),
  )
  if (changes.length === 0)
    return `its checks find what "until" asks for before anything was done. Give them a phase "from: applied".`
  const named = own.join(' and ')
  return `what ${named} found before "from: applied" is what "until" asks for. Let "until" ask for more, or give what ${named} found before the write.`
}

/**
 * A remedy must not count as having helped when nothing changed after it was applied. Every scenario in which one is verified is
 * played again in a world that stays as it was found at that moment: phases "from: applied" never begin, not even the write's own.
 */
async function verifiesWithoutRecovery(plan: Plan, scenario: Scenario, run: Simulated): Promise<Mismatch[]> {
  const first = roundsOf(run).find((went) => went.verified !== undefined)
  const remedy = first?.draft && plan.remedies[first.draft.remedy]
  if (!first?.verified || !remedy || remedy.verify.checks.length === 0) return []
  const still = await simulate(plan, scenario.inputs, worldOf(scenario, { frozen: true }))
  if (roundsOf(still).find((went) => went.round === first.round)?.verified !== true) return []
  return [
    {
      what: `round ${first.round}, ${remedy.name}`,
      expected: 'not verified when nothing changes after it was applied',
      came: `verified all the same: ${whyVerified(remedy, scenario)}`,
      at: scenario.at,
    },
  ]
}
