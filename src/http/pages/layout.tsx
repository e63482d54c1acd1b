import type { Context } from 'hono'
import type { Child } from 'hono/jsx'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { visibleLines } from '../../core/displayable.ts'
import type { Session } from '../../engine/sessions.ts'
import { FORM_TOKEN_FIELD } from '../own-forms.ts'
import { PASSKEYS_SCRIPT, SCRIPT, STYLES } from './assets.ts'
import type { PageContext } from './page-context.ts'

interface LayoutProps {
  page: PageContext
  title: string
  /** How the page updates itself. If it is missing, the page does not update itself. */
  live?: { every: number } | { events: string }
  /** The page that the script opens when the proposal can no longer be decided. Default: the same page. */
  back?: string
  /** Whether a form of the page needs a passkey. */
  passkeys?: boolean
  children: Child
}

/** The frame of every page: a bar with the environment and the person who is signed in. */
function Layout({ page, title, live, back, passkeys, children }: LayoutProps) {
  const { session } = page
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href={STYLES.path} />
        <script type="module" src={SCRIPT.path} />
        {passkeys && <script type="module" src={PASSKEYS_SCRIPT.path} />}
      </head>
      <body
        data-now={page.now}
        data-back={back}
        data-events={live && 'events' in live ? live.events : undefined}
        data-every={live && 'every' in live ? live.every : undefined}
      >
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header class={`bar ${page.colour}`}>
          <a href="/" class="home">
            Inbox
          </a>
          <strong class="environment">{page.environment}</strong>
          {session && (
            <details class="account">
              <summary>{session.person.name}</summary>
              <a href="/account" class="button">
                My account
              </a>
              <PostForm action="/sign-out" session={session}>
                <button type="submit">Sign out</button>
              </PostForm>
              <PostForm action="/sign-out-everywhere" session={session}>
                <button type="submit">Sign out on all devices</button>
              </PostForm>
            </details>
          )}
        </header>
        <main id="main">
          <p id="connection" role="status" class="notice" hidden />
          {children}
        </main>
      </body>
    </html>
  )
}

/** A form that changes something: it carries the form token of the session. */
export function PostForm(props: { action: string; session: Session; class?: string; children: Child }) {
  return (
    <form method="post" action={props.action} class={props.class}>
      <input type="hidden" name={FORM_TOKEN_FIELD} value={props.session.formToken} />
      {props.children}
    </form>
  )
}

/**
 * Answers with a page. Invisible characters, and characters that change the direction of text, are shown as their numbers everywhere on the
 * page, so that no text can be mistaken for another one.
 */
export function answerPage(c: Context, props: LayoutProps, status: ContentfulStatusCode = 200) {
  return c.html(visibleLines(`<!doctype html>${(<Layout {...props} />).toString()}`), status)
}
