import { PAUSED_BY_BULL } from '../checks/queue-exists.ts'
import type { JobPreview } from './read-job.ts'

/**
 * The reasons for which the scripts in src/effects/scripts refuse an action. The gate shows them before anybody approves. Each function
 * returns undefined if the action would be applied.
 */

export function retryRefusal(job: JobPreview): string | undefined {
  if (job.state === 'absent') return 'the job no longer exists'
  if (job.queue.isPausedByBull) return PAUSED_BY_BULL
  if (job.inFlow) return 'the job belongs to a flow'
  if (job.inGroup) return 'the job belongs to a group of BullMQ Pro: retry it with BullMQ Pro'
  if (job.hasOpenChildren) return 'child jobs have not finished, so BullMQ would not let the job complete'
  if (job.hasFailedChildren)
    return 'a child job failed, so BullMQ would not let the job complete: retry the child with BullMQ itself'
  if (job.held) return 'the job is held by a worker'
  if (job.state !== 'failed') return `the job is ${job.state}`
  const { paused, hasPausedList, bullmqMajor } = job.queue
  if (paused && (hasPausedList || bullmqMajor === null || bullmqMajor < 6))
    return 'the queue is paused by a BullMQ before 6, whose resume would lose the job: resume the queue first'
  if (job.priority > 0 && bullmqMajor === null && !job.queue.hasPrioritized)
    return 'the job has a priority and the version of BullMQ is unknown: retry it with BullMQ itself'
  return undefined
}

export function quarantineRefusal(job: JobPreview): string | undefined {
  if (job.state === 'absent') return 'the job no longer exists'
  if (job.queue.isPausedByBull) return PAUSED_BY_BULL
  if (job.inFlow) return 'the job belongs to a flow, whose parent would wait forever'
  if (job.state === 'failed' || job.state === 'completed') return `the job is ${job.state}`
  if (job.inGroup) return 'the job belongs to a group of BullMQ Pro: remove it with BullMQ Pro'
  if (job.held && !job.queue.knowsMarks)
    return 'a worker holds the job, and only BullMQ 5.49.2 and later fail a job that is marked: stop the worker of the job first'
  if (job.held) return undefined
  if (job.isNextOfScheduler)
    return 'the job is the next run of a job scheduler, whose schedule would end: remove the scheduler in the application'
  return job.state === 'other' ? 'the job is in none of the lists that workers take jobs from' : undefined
}

export function resumeRefusal(queue: {
  isPausedByBull: boolean
  paused: boolean
  inPausedList: number
}): string | undefined {
  if (queue.isPausedByBull) return PAUSED_BY_BULL
  if (!queue.paused) return 'the queue is not paused'
  if (queue.inPausedList > 0)
    return 'the "paused" list holds jobs of a BullMQ before 6: resume the queue with that BullMQ itself'
  return undefined
}
