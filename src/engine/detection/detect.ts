import type { DetectAnswer, DetectRequest, Sample } from '../../core/detection.ts'
import { canonical } from '../../core/canonical.ts'
import { isRunbookError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Plan } from '../../core/plan.ts'
import { readStoredObject } from '../../core/stored-json.ts'
import { voidGate } from '../../gate/void-gate.ts'
import {
  endEpisode,
  endUnsampled,
  readDetection,
  readGateToSample,
  recordPresent,
  recordSymptomGone,
  setEpisode,
  type Detected,
  type DetectionState,
  type GateToSample,
  type OpenEpisode,
} from '../../history/detection.ts'
import { readableInputs, readIncident } from '../../history/incidents.ts'
import { readPlan } from '../../history/plans.ts'
import type { Engine } from '../engine.ts'
import { wakeIncident } from '../incident-workflow.ts'
import { coveringMaintenance, heldText } from '../maintenance/covering.ts'
import { isUnusableRequest, renderRequest, trigger } from '../trigger.ts'
import { rememberSample } from './samples.ts'
import { takeSample } from './take-sample.ts'

/** Takes one sample: of a runbook, or of one incident that waits at a gate. */
export async function detect(engine: Engine, request: DetectRequest): Promise<DetectAnswer> {
  return 'runbook' in request ? detectRunbook(engine, request.runbook) : sampleIncident(engine, request.incident)
}

/**
 * Samples the symptom of a runbook with the default values of its inputs, and acts on the result. It opens an incident after enough
 * consecutive samples with the symptom, ends the episode when the symptom is gone, and voids the gates whose symptom is gone. A sample that
 * cannot be read changes nothing.
 */
async function detectRunbook(engine: Engine, runbook: string): Promise<DetectAnswer> {
  const loaded = engine.catalogue.byName.get(runbook)
  const plan = loaded?.plan
  if (!loaded || !plan?.detect) return notSampled(`this worker has no runbook ${runbook} with "detect"`)
  const asked = renderDefaults(engine, plan)
  if ('problem' in asked) {
    rememberSample(engine.database, runbook, {
      symptom: 'unreadable',
      problem: asked.problem,
      ms: 0,
      rows: 0,
      bytes: 0,
    })
    return { symptom: 'unreadable', did: asked.problem }
  }
  const { inputs, detected, quietMs } = asked
  const known = await readDetection(engine.database, detected, quietMs)
  if (known.isPaused) return notSampled(`detection of ${runbook} is paused`)
  const sample = await takeSample(plan, inputs, engine.targets)
  rememberSample(engine.database, runbook, sample)
  if (known.hasOthers) await endUnsampled(engine.database, runbook, detected)
  const did = await act(engine, plan, detected, known, sample)
  const taken = new Map([[sampleKey(loaded.planDigest, inputs), sample]])
  const voided = await sampleGates(engine, known.gates, taken)
  return { symptom: sample.symptom, did: voided.length > 0 ? `${did}; voided ${voided.join(', ')}` : did }
}

function notSampled(did: string): DetectAnswer {
  return { symptom: 'not sampled', did }
}

function renderDefaults(
  engine: Engine,
  plan: Plan,
): { inputs: JsonObject; detected: Detected; quietMs: number } | { problem: string } {
  try {
    const { inputs, key, quietMs } = renderRequest(engine, { type: plan.incident, inputs: {} })
    return { inputs, quietMs, detected: { runbook: plan.name, type: plan.incident, key } }
  } catch (error) {
    if (isUnusableRequest(error)) return { problem: error.message }
    throw error
  }
}

async function act(
  engine: Engine,
  plan: Plan,
  detected: Detected,
  known: DetectionState,
  sample: Sample,
): Promise<string> {
  switch (sample.symptom) {
    case 'unreadable':
      return `the symptom could not be read: ${sample.problem ?? 'unknown'}`
    case false:
      return actOnAbsence(engine, known)
    case true:
      return actOnPresence(engine, plan, detected, known)
  }
}

async function actOnAbsence({ database }: Engine, known: DetectionState): Promise<string> {
  if (known.episode) await endEpisode(database, known.episode.id)
  if (known.quietIncident) await recordSymptomGone(database, known.quietIncident)
  return known.episode ? 'symptom gone' : 'symptom not present'
}

async function actOnPresence(engine: Engine, plan: Plan, detected: Detected, known: DetectionState): Promise<string> {
  const { everyMs, for: needed, shadow } = plan.detect!
  // The incident of this episode ended because the symptom was gone, so the symptom of this sample begins another episode.
  if (known.episode && isOver(known.episode)) await endEpisode(engine.database, known.episode.id)
  const episode = await recordPresent(engine.database, detected, { everyMs, needed, hasAlert: known.hasAlert })
  if (episode.samples < needed) return `sample ${episode.samples} of ${needed} that showed the symptom`
  if (shadow) {
    await setEpisode(engine.database, episode.id, 'shadow', null)
    return 'would have opened an incident, but "shadow" is on'
  }
  if (episode.incident !== null && episode.outcome === null) return `${episode.incident} is open`
  const covering = await coveringMaintenance(engine, plan)
  if (covering) {
    await setEpisode(engine.database, episode.id, 'maintenance', null)
    return `would have opened an incident, but ${heldText(covering)}`
  }
  return openIncident(engine, detected, episode)
}

function isOver({ outcome }: OpenEpisode): boolean {
  return outcome === 'resolved' || outcome === 'cleared'
}

/** Opens the incident, joins the open one, or counts the report on the incident that keeps the key quiet, as for people and alerts. */
async function openIncident(engine: Engine, detected: Detected, episode: OpenEpisode): Promise<string> {
  const requester = `detect:${detected.runbook}`
  const { incident, created, quiet } = await trigger(engine, { type: detected.type, inputs: {}, requester })
  // An earlier attempt may have opened the incident and died before it recorded that. Then this sample has joined that incident.
  const isOwn = created || (await readIncident(engine.database, incident)).requester === requester
  const state = quiet ? 'quiet' : isOwn ? 'opened' : 'joined'
  await setEpisode(engine.database, episode.id, state, incident)
  return quiet ? `counted on ${incident}: its key is quiet` : `${state} ${incident}`
}

/** Samples the symptom of one incident whose gate is open. */
async function sampleIncident(engine: Engine, incident: string): Promise<DetectAnswer> {
  const gate = await readGateToSample(engine.database, incident)
  if (!gate) return notSampled(`${incident} has no open gate`)
  const taken = new Map<string, Sample>()
  const voided = await sampleGates(engine, [gate], taken)
  const sample = [...taken.values()][0]
  if (!sample) return notSampled(`the runbook of ${incident} has no symptom`)
  return { symptom: sample.symptom, did: voided.length > 0 ? `voided ${gate.gate}` : 'the gate stays open' }
}

/**
 * Voids each gate whose symptom is gone. The symptom is evaluated with the plan and the inputs of the gate's incident, and gates with the
 * same plan and inputs share a sample. Returns the voided gates.
 */
async function sampleGates(engine: Engine, gates: GateToSample[], taken: Map<string, Sample>): Promise<string[]> {
  const voided: string[] = []
  for (const one of gates) {
    const sample = await sampleGate(engine, one, taken).catch((error: unknown) => {
      // Somebody changed the stored plan or inputs. A decision on this gate will be refused for the same reason; other gates are not
      // affected.
      if (isRunbookError(error, 'RUNBOOK_REFUSED')) return undefined
      throw error
    })
    if (sample?.symptom !== false || !(await voidGate(engine.database, one.gate, GONE))) continue
    voided.push(one.gate)
    // If the signal is lost, the reconciler sends it again.
    await wakeIncident(engine, one.incident).catch(() => {})
  }
  return voided
}

const GONE = 'a sample showed that the symptom is gone'

/** Takes the sample; undefined for a runbook without a symptom. */
async function sampleGate(
  engine: Engine,
  { incident, planDigest, inputs: stored }: GateToSample,
  taken: Map<string, Sample>,
): Promise<Sample | undefined> {
  const plan = await readPlan(engine.database, planDigest)
  if (!plan.symptom) return undefined
  const inputs = readableInputs(incident, readStoredObject(stored))
  const key = sampleKey(planDigest, inputs)
  const sample = taken.get(key) ?? (await takeSample(plan, inputs, engine.targets))
  taken.set(key, sample)
  return sample
}

function sampleKey(planDigest: string, inputs: JsonObject): string {
  return canonical({ planDigest, inputs })
}
