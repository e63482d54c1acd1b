import { z } from 'zod'
import { EPISODE_STATES } from '../../core/detection.ts'
import { time } from './schema-parts.ts'

const sampleView = z.object({
  at: time,
  symptom: z.union([z.boolean(), z.literal('unreadable')]),
  /** Why the symptom could not be read. */
  problem: z.string().nullable(),
  /** The rows and bytes of all results of the sample's checks together. */
  rows: z.int(),
  bytes: z.int(),
})

/** An episode: a time during which the samples of a key showed the symptom. */
export const episodeView = z
  .object({
    key: z.string(),
    /** The first sample and the last sample that showed the symptom. */
    firstAt: time,
    lastAt: time,
    /** When enough consecutive samples had shown the symptom. */
    confirmedAt: time.nullable(),
    /** The first sample that no longer showed the symptom; null while the episode lasts. */
    endedAt: time.nullable(),
    samples: z.int(),
    state: z.enum(EPISODE_STATES),
    incident: z.string().nullable(),
    /** When an alert of the same key was first found to be firing during a sample; null if none was firing at any sample. */
    alertAt: time.nullable(),
  })
  .meta({ id: 'Episode' })

export const detectorView = z
  .object({
    runbook: z.string(),
    /** `not scheduled`: no worker has created the schedule yet. `overdue`: no sample came for three intervals and a minute. */
    state: z.enum(['sampled', 'paused', 'not scheduled', 'overdue']),
    everyMs: z.int(),
    /** Whether the detection opens no incidents (shadow mode); null if this API does not have the runbook. */
    shadow: z.boolean().nullable(),
    paused: z.object({ person: z.string(), reason: z.string(), at: time }).nullable(),
    last: sampleView.nullable(),
    samples: z.int(),
    unreadable: z.int(),
    /** The durations of the last samples, at most 20, the latest last. */
    recentMs: z.array(z.int()),
    /** The episodes that are not over: the symptom is present. */
    episode: episodeView.nullable(),
  })
  .meta({ id: 'Detector' })

export const detectionReport = z
  .object({
    since: time,
    runbooks: z.array(
      z.object({
        runbook: z.string(),
        shadow: z.boolean(),
        /** The episodes, the latest first. */
        episodes: z.array(episodeView),
        /** How many episodes had no alert of the same key at any sample, and how many had one. */
        alone: z.int(),
        withAlert: z.int(),
        /** Incidents that alerts or people opened, during which detection did not see the symptom often enough. */
        undetected: z.array(z.object({ incident: z.string(), requester: z.string(), openedAt: time })),
        /** Whether there are more episodes or undetected incidents than are listed. */
        truncated: z.boolean(),
      }),
    ),
  })
  .meta({ id: 'DetectionReport' })
