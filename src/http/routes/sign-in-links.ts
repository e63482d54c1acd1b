import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import type { Engine } from '../../engine/engine.ts'
import { createSignInCode, SIGN_IN_LINK_LASTS_MS } from '../../engine/sessions.ts'
import { time } from '../../engine/views/schema-parts.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers } from '../describe.ts'

const signInLink = z
  .object({ path: z.string().meta({ example: '/sign-in/link?code=…' }), expiresAt: time })
  .meta({ id: 'SignInLink' })

const create = createRoute({
  method: 'post',
  path: '/v1/sign-in-links',
  summary: 'Create a link that signs you in to the pages once',
  responses: answers(signInLink, 'The path of the link, below the address of the API', [403]),
})

export function signInLinkRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(create, async (c) => {
    const code = await createSignInCode(engine, c.get('person'))
    const expiresAt = new Date(Date.now() + SIGN_IN_LINK_LASTS_MS).toISOString()
    return c.json({ path: `/sign-in/link?code=${code}`, expiresAt }, 200)
  })
  return app
}
