import type { Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { includesRole } from '../../core/access.ts'
import { isRunbookError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Frozen } from '../../engine/freeze.ts'
import { freezeAs, unfreezeAs } from '../../engine/freeze-as-person.ts'
import { readStatus, type Status } from '../../engine/views/status.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { problemOf, type Problem } from '../problem.ts'
import type { SharedReads } from '../shared-reads.ts'
import { answerPage, PostForm } from './layout.tsx'
import { pageContext, type PageContext } from './page-context.ts'
import { FreezeState, StatusTables } from './status-tables.tsx'

/** The script loads the page again at this interval. */
const RELOAD_SECONDS = 10

interface Notices {
  /** The reason why a change was refused. */
  refused?: Problem
  /** The database sessions for which a freeze could not wait, and which may still use a permit. */
  unseen?: Frozen['unseen']
}

export function statusPageRoutes(engine: Engine, reads: SharedReads): Hono<ApiEnv> {
  const app = newApp()
  const answer = async (c: Context<ApiEnv>, notices: Notices = {}) => {
    const page = pageContext(engine, c.get('session'))
    const status = await readStatus(engine)
    const children = <StatusPage {...{ status, page, notices }} temporal={await reads.temporal()} />
    const title = status.freeze ? 'Frozen: status of the engine' : 'Status of the engine'
    const code = (notices.refused?.status ?? 200) as ContentfulStatusCode
    return answerPage(c, { page, title, live: { every: RELOAD_SECONDS }, back: '/status', children }, code)
  }
  /** If the change is refused, shows the page with the reason, so that the person sees the present state. */
  const change = async (c: Context<ApiEnv>, work: (form: Record<string, unknown>) => Promise<Frozen['unseen']>) => {
    try {
      const unseen = await work(await c.req.parseBody())
      return unseen.length > 0 ? await answer(c, { unseen }) : c.redirect('/status', 303)
    } catch (error) {
      if (!isRunbookError(error)) throw error
      return answer(c, { refused: problemOf(error) })
    }
  }
  app.get('/status', (c) => answer(c))
  app.post('/freeze', (c) =>
    change(c, async ({ reason }) => (await freezeAs(engine, c.get('person'), textOf(reason))).unseen),
  )
  app.post('/unfreeze', (c) =>
    change(c, async ({ at, reason }) => {
      await unfreezeAs(engine, c.get('person'), { at: textOf(at), reason: textOf(reason) })
      return []
    }),
  )
  return app
}

/** The text of a form field. A file or a missing field counts as empty text, which the use cases refuse. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

interface StatusPageProps {
  status: Status
  temporal: string | null
  page: PageContext
  notices: Notices
}

function StatusPage({ status, temporal, page, notices }: StatusPageProps) {
  const needed = status.freeze ? 'admin' : 'operator'
  return (
    <>
      <h1>Status of the engine</h1>
      {notices.refused && (
        <p class="problem" role="alert">
          {notices.refused.detail}
        </p>
      )}
      {notices.unseen && (
        <p class="problem" role="alert">
          The freeze is on, but some database sessions were asking for a permit when it was turned on. Each of them may
          still get that permit. End them as a superuser with pg_terminate_backend:{' '}
          {notices.unseen.map(({ pid, role }) => `pid ${pid} (role ${role})`).join(', ')}
        </p>
      )}
      <section class="card">
        <div id="freeze" data-live>
          <FreezeState status={status} now={page.now} />
        </div>
        {includesRole(page.session?.role, needed) ? (
          <FreezeForm status={status} page={page} />
        ) : (
          <p class="small">
            Your role "{page.session?.role}" may not turn the freeze {status.freeze ? 'off' : 'on'}: this needs the role
            "{needed}".
          </p>
        )}
      </section>
      <div id="status" data-live>
        <StatusTables status={status} temporal={temporal} now={page.now} />
      </div>
    </>
  )
}

function FreezeForm({ status: { freeze }, page }: { status: Status; page: PageContext }) {
  const button = freeze
    ? `Unfreeze ${page.environment}: remedies may be applied again`
    : `Freeze ${page.environment}: apply no remedy`
  return (
    <details>
      <summary>{freeze ? 'Turn the freeze off' : 'Stop all remedies'}</summary>
      <p>
        {freeze
          ? 'Remedies that were approved before or during the freeze are applied, if the approval is still valid and the targets still qualify.'
          : 'Incidents are still diagnosed, remedies are still proposed, and approvals are kept. A target whose permit was granted before the freeze is still completed.'}
      </p>
      <PostForm action={freeze ? '/unfreeze' : '/freeze'} session={page.session!} class="stack">
        {freeze && <input type="hidden" name="at" value={freeze.at} />}
        <label for="reason">Reason (required; recorded in every open incident)</label>
        <input id="reason" name="reason" maxlength={2000} autocomplete="off" required />
        <button type="submit" class={freeze ? undefined : 'main'}>
          {button}
        </button>
      </PostForm>
    </details>
  )
}
