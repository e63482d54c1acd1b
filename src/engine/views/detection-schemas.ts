import { z } from 'zod'
import { EPISODE_STATES } from '../../core/detection.ts'
import { time } from './schema-parts.ts'

const sampleView = z.object({
  at: time,
  symptom: z.union([z.boolean(), z.literal('unreadable')]),
  /** Why it could not be read. */
  problem: z.string().nullable(),
  /** Of the results of its checks together. */
  rows: z.int(),
  bytes: z.int(),
})

/** A time during which the samples of a key showed the symptom. */
export const episodeView = z
  .object({
    key: z.string(),
    /** The first sample that showed the symptom, and the last one. */
    firstAt: time,
    lastAt: time,
    /** When enough samples in a row had shown it. */
    confirmedAt: time.nullable(),
    /** The sample that did not show it any more; null while the episode lasts. */
    endedAt: time.nullable(),
    samples: z.int(),
    state: z.enum(EPISODE_STATES),
    incident: z.string().nullable(),
    /** When an alert of the same key was first seen to fire; null: none fired at any sample. */
    alertAt: time.nullable(),
  })
  .meta({ id: 'Episode' })

export const detectorView = z
  .object({
    runbook: z.string(),
    /** `not scheduled`: no worker has made the schedule yet. `overdue`: no sample for three intervals and a minute. */
    state: z.enum(['sampled', 'paused', 'not scheduled', 'overdue']),
    everyMs: z.int(),
    /** Whether it opens no incidents; null if this API does not have the runbook. */
    shadow: z.boolean().nullable(),
    paused: z.object({ person: z.string(), reason: z.string(), at: time }).nullable(),
    last: sampleView.nullable(),
    samples: z.int(),
    unreadable: z.int(),
    /** How long the last samples took, at most 20 of them, the latest last. */
    recentMs: z.array(z.int()),
    /** The symptom is present. */
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
        /** The latest first. */
        episodes: z.array(episodeView),
        /** How many of them had no alert of the same key at any sample, and how many had one. */
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
