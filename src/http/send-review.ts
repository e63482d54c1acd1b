import type { Context } from 'hono'
import type { Engine } from '../engine/engine.ts'
import { openReview, type ReviewParts } from '../engine/views/review.ts'
import { visiblePlans } from '../engine/visible.ts'
import type { ApiEnv } from './app.ts'
import { Slots } from './limits.ts'
import { gathered, streamOf } from './stream-of.ts'

/** Sends a whole review in one format. `name` is the name under which a browser stores the file. */
export type SendReview = (
  c: Context<ApiEnv>,
  id: string,
  form: { contentType: string; text: (review: ReviewParts) => AsyncGenerator<string>; name?: string },
) => Promise<Response>

/** How many reviews are sent at the same time. The number is limited, because each review can be large. */
export function reviewSender(engine: Engine): SendReview {
  const { reviews } = engine.config.limits
  const slots = new Slots('reviews', { all: reviews, perPerson: Math.ceil(reviews / 2) })
  return async (c, id, { contentType, text, name }) => {
    const release = slots.take(c.get('person').name)
    try {
      const parts = await openReview(engine.database, id, await visiblePlans(engine, c.get('person')))
      const body = streamOf(() => gathered(text(parts)), { gone: c.req.raw.signal, ended: release })
      const disposition = name === undefined ? {} : { 'content-disposition': `attachment; filename="${name}"` }
      return c.body(body, 200, { 'content-type': contentType, ...disposition })
    } catch (error) {
      release()
      throw error
    }
  }
}
