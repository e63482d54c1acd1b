import { z } from 'zod'

/** ISO 8601, UTC. */
export const time = z.string().meta({ format: 'date-time' })
