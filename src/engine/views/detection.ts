import type { Sample } from '../../core/detection.ts'
import { RunbookError } from '../../core/errors.ts'
import { readStoredObject } from '../../core/stored-json.ts'
import {
  readDetectors,
  readEpisodes,
  readOpenEpisodes,
  readUndetected,
  type StoredDetector,
  type StoredEpisode,
} from '../../history/detection-views.ts'
import type { Engine } from '../engine.ts'
import { isoTime } from './iso-time.ts'
import type { DetectionReport, DetectorView, EpisodeView } from './view-types.ts'

type Known = Pick<Engine, 'database' | 'catalogue'>

const MAX_OPEN_EPISODES = 1_000

/** The sampled runbooks, by name: those that a worker has reported, and those that this process has loaded. */
export async function listDetectors({ database, catalogue }: Known): Promise<DetectorView[]> {
  const stored = new Map((await readDetectors(database)).map((one) => [one.runbook, one]))
  const episodes = new Map((await readOpenEpisodes(database, MAX_OPEN_EPISODES)).map((one) => [one.runbook, one]))
  const loaded = [...catalogue.byName.values()].filter(({ plan }) => plan.detect)
  const names = [...new Set([...stored.keys(), ...loaded.map(({ plan }) => plan.name)])].sort()
  return names.map((name) => {
    const detect = catalogue.byName.get(name)?.plan.detect
    const shadow = detect ? detect.shadow === true : null
    return detectorView(name, stored.get(name), episodes.get(name), { shadow, everyMs: detect?.everyMs ?? 0 })
  })
}

function detectorView(
  runbook: string,
  stored: StoredDetector | undefined,
  episode: StoredEpisode | undefined,
  loaded: Pick<DetectorView, 'shadow' | 'everyMs'>,
): DetectorView {
  const paused =
    stored?.pausedAt && stored.pausedBy !== null
      ? { person: stored.pausedBy, reason: stored.pauseReason ?? '', at: isoTime(stored.pausedAt) }
      : null
  return {
    runbook,
    state: stateOf(stored),
    everyMs: Number(readStoredObject(stored?.spec ?? '')?.everyMs ?? loaded.everyMs),
    shadow: loaded.shadow,
    paused,
    last: stored ? lastSample(stored) : null,
    samples: stored?.samples ?? 0,
    unreadable: stored?.unreadable ?? 0,
    recentMs: stored?.recentMs ?? [],
    episode: episode ? episodeView(episode) : null,
  }
}

function stateOf(stored: StoredDetector | undefined): DetectorView['state'] {
  if (!stored?.isScheduled) return stored?.pausedAt ? 'paused' : 'not scheduled'
  if (stored.pausedAt) return 'paused'
  return stored.isOverdue ? 'overdue' : 'sampled'
}

function lastSample({ last, lastAt }: StoredDetector): DetectorView['last'] {
  const sample = readStoredObject(last ?? '') as Partial<Sample> | undefined
  if (!sample || !lastAt) return null
  const { symptom = 'unreadable', problem = null, rows = 0, bytes = 0 } = sample
  return { at: isoTime(lastAt), symptom, problem, rows, bytes }
}

function episodeView({ runbook: _runbook, ...episode }: StoredEpisode): EpisodeView {
  return {
    ...episode,
    firstAt: isoTime(episode.firstAt),
    lastAt: isoTime(episode.lastAt),
    confirmedAt: episode.confirmedAt && isoTime(episode.confirmedAt),
    endedAt: episode.endedAt && isoTime(episode.endedAt),
    alertAt: episode.alertAt && isoTime(episode.alertAt),
  }
}

const MAX_EPISODES = 200
const MAX_UNDETECTED = 50

/**
 * What detection found, or would have opened in shadow mode, in the last `sinceMs`. It covers one runbook, or all runbooks that have
 * `detect`. Throws `RUNBOOK_NOT_FOUND`.
 */
export async function reportDetection(
  { database, catalogue }: Known,
  { runbook, sinceMs }: { runbook?: string | undefined; sinceMs: number },
): Promise<DetectionReport> {
  const since = new Date(Date.now() - sinceMs)
  const watched = [...catalogue.byName.values()].filter(({ plan }) => plan.detect)
  const wanted = watched.filter(({ plan }) => runbook === undefined || plan.name === runbook)
  if (runbook !== undefined && wanted.length === 0)
    throw new RunbookError('RUNBOOK_NOT_FOUND', `no runbook ${runbook} with "detect" is loaded`)
  const runbooks: DetectionReport['runbooks'] = []
  for (const { plan } of wanted) {
    const episodes = await readEpisodes(database, plan.name, since, MAX_EPISODES + 1)
    const undetected = await readUndetected(database, plan.incident, since, MAX_UNDETECTED + 1)
    const shown = episodes.slice(0, MAX_EPISODES)
    const withAlert = shown.filter(({ alertAt }) => alertAt !== null).length
    runbooks.push({
      runbook: plan.name,
      shadow: plan.detect?.shadow === true,
      episodes: shown.map(episodeView),
      alone: shown.length - withAlert,
      withAlert,
      undetected: undetected
        .slice(0, MAX_UNDETECTED)
        .map(({ id, requester, openedAt }) => ({ incident: id, requester, openedAt: isoTime(openedAt) })),
      truncated: episodes.length > MAX_EPISODES || undetected.length > MAX_UNDETECTED,
    })
  }
  return { since: since.toISOString(), runbooks }
}
