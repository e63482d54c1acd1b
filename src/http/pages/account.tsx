import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { isRunbookError, messageOf } from '../../core/errors.ts'
import { describeGrant, grantsOf, includesRole, type Grant } from '../../core/access.ts'
import type { Engine } from '../../engine/engine.ts'
import {
  beginRegistration,
  mayRegister,
  newPasskey,
  passkeySite,
  registerPasskey,
  removePasskey,
} from '../../engine/passkeys.ts'
import type { Session } from '../../engine/sessions.ts'
import { passkeysOf, type Passkey } from '../../gate/passkeys.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answerPage, PostForm } from './layout.tsx'
import { readForm } from './on-incident.ts'
import { pageContext } from './page-context.ts'
import { Ago, Data } from './words.tsx'

const removal = z.object({ id: z.string().min(1).max(2_000) })

/** What belongs to the person who is signed in: passkeys. */
export function accountRoutes(engine: Engine): Hono<ApiEnv> {
  const app = newApp()
  app.get('/account', (c) => accountPage(c, engine))
  app.post('/account/passkeys', async (c) => {
    await registerPasskey(engine, c.get('session'), readForm(newPasskey, await c.req.parseBody()))
    return c.redirect('/account', 303)
  })
  app.post('/account/passkeys/remove', async (c) => {
    await removePasskey(engine, c.get('person'), readForm(removal, await c.req.parseBody()).id)
    return c.redirect('/account', 303)
  })
  return app
}

async function accountPage(c: Context<ApiEnv>, engine: Engine): Promise<Response> {
  const session = c.get('session')
  const page = pageContext(engine, session)
  const passkeys = await passkeysOf(engine.database, session.person.name)
  const { groups, role = 'operator' } = session.person
  const { access } = engine.config
  const children = (
    <>
      <h1>My account</h1>
      <p>
        <strong>{session.person.name}</strong>, {access !== undefined && role === 'operator' ? '' : `${role}, `}
        {groups.length > 0 ? `in ${groups.join(', ')}` : 'in no group'}
      </p>
      {access && <Roles grants={grantsOf(access, session.person)} />}
      <h2>Passkeys</h2>
      <p>
        Some approvals need a passkey: your device signs exactly the proposal that you approve. The signature stays with
        the decision.
      </p>
      <PasskeyList passkeys={passkeys} session={session} now={page.now} />
      {includesRole(session.role, 'operator') && (
        <NewPasskey site={siteOf(engine)} {...await registrationOf(engine, session)} />
      )}
    </>
  )
  return answerPage(c, { page, title: 'My account', passkeys: true, children })
}

/** The roles of the person according to the section `access` of the configuration. */
function Roles({ grants }: { grants: Grant[] }) {
  if (grants.length === 0)
    return <p class="notice">You have no role, so you see nothing. Somebody who edits "access" can give you one.</p>
  return (
    <ul class="list">
      {grants.map((grant) => (
        <li>{describeGrant(grant)}</li>
      ))}
    </ul>
  )
}

function PasskeyList({ passkeys, session, now }: { passkeys: Passkey[]; session: Session; now: number }) {
  if (passkeys.length === 0) return <p>You have no passkey.</p>
  return (
    <ul class="list">
      {passkeys.map((one) => (
        <li>
          <strong>
            <Data value={one.label} />
          </strong>{' '}
          for {one.origin}, registered <Ago at={one.createdAt.toISOString()} now={now} />,{' '}
          {one.lastUsedAt ? (
            <>
              last used <Ago at={one.lastUsedAt.toISOString()} now={now} />
            </>
          ) : (
            'never used'
          )}
          <PostForm action="/account/passkeys/remove" session={session}>
            <input type="hidden" name="id" value={one.id} />
            <button type="submit" aria-label={`Remove ${one.label}`}>
              Remove
            </button>
          </PostForm>
        </li>
      ))}
    </ul>
  )
}

/** Why browsers create no passkey for the address of the pages; undefined if they do. */
function siteOf({ config }: Engine): { origin: string } | { problem: string } {
  try {
    return passkeySite(config)
  } catch (error) {
    if (!isRunbookError(error, 'RUNBOOK_CONFIG')) throw error
    return { problem: messageOf(error) }
  }
}

async function registrationOf(engine: Engine, session: Session) {
  if ('problem' in siteOf(engine) || !mayRegister(session)) return { session }
  return { session, registration: await beginRegistration(engine, session) }
}

interface NewPasskeyProps {
  site: { origin: string } | { problem: string }
  session: Session
  /** Absent if the person signed in too long ago. */
  registration?: Awaited<ReturnType<typeof beginRegistration>>
}

function NewPasskey({ site, session, registration }: NewPasskeyProps) {
  if ('problem' in site) return <p class="notice">No passkey can be registered here: {site.problem}.</p>
  if (!registration)
    return (
      <p class="notice">
        A passkey can be registered for ten minutes after signing in. Sign out, sign in again at {site.origin}, and come
        back to this page.
      </p>
    )
  return (
    <PostForm action="/account/passkeys" session={session} class="stack">
      <p id="passkey-problem" class="problem" role="alert" hidden />
      <noscript>Registering a passkey needs JavaScript.</noscript>
      <input type="hidden" name="begun" value={String(registration.begun)} />
      <input type="hidden" name="created" data-passkey={JSON.stringify(registration.options)} />
      <label for="label">A name for the device, such as "phone"</label>
      <input id="label" name="label" maxlength={60} required autocomplete="off" />
      <button type="submit" class="main">
        Register a passkey
      </button>
    </PostForm>
  )
}
