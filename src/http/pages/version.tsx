import type { Context } from 'hono'
import { structuredPatch } from 'diff'
import { RunbookError } from '../../core/errors.ts'
import { visibleText } from '../../core/displayable.ts'
import type { Engine } from '../../engine/engine.ts'
import { runbookSource } from '../../engine/views/runbooks.ts'
import { visibleCatalogue } from '../../engine/visible.ts'
import type { ApiEnv } from '../app.ts'
import { answerPage } from './layout.tsx'
import { pageContext } from './page-context.ts'
import { runbookPath } from './runbook-list.tsx'
import { Code } from './words.tsx'

/** So much of a text, and so many lines of a difference, are on one page. */
const MAX_TEXT = 30_000
const MAX_LINES = 400

/** The YAML text of one version of a runbook, and how the loaded one differs from it. */
export async function answerVersion(c: Context<ApiEnv>, engine: Engine): Promise<Response> {
  const { name = '', digest = '' } = c.req.param()
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new RunbookError('RUNBOOK_NOT_FOUND', 'this address does not name a version: it must end with a digest')
  const { source } = await runbookSource(engine, name, digest)
  const loaded = visibleCatalogue(engine, c.get('person')).byName.get(name)
  const page = pageContext(engine, c.get('session'))
  const children = (
    <>
      <p>{loaded ? <a href={runbookPath(name)}>Back to {name}</a> : <a href="/runbooks">All runbooks</a>}</p>
      <h1>
        {name} <span class="small">{digest.slice(0, 12)}</span>
      </h1>
      {!loaded && <p class="notice">This runbook is not loaded any more.</p>}
      {loaded?.planDigest === digest && <p>This version is loaded: new incidents run by it.</p>}
      {loaded && loaded.planDigest !== digest && <Difference before={source} after={loaded.text} />}
      <h2>The YAML text</h2>
      <Code text={source.slice(0, MAX_TEXT)} />
      {source.length > MAX_TEXT && (
        <p class="notice">
          Not shown: {source.length - MAX_TEXT} more characters. "runbook versions {name} --show {digest.slice(0, 12)}"
          prints all.
        </p>
      )}
    </>
  )
  return answerPage(c, { page, title: `${name} ${digest.slice(0, 12)}`, children })
}

/** The lines that differ. Each begins with `+` or `-`, so that the difference does not depend on colours. */
function Difference({ before, after }: { before: string; after: string }) {
  const patch = structuredPatch('', '', before, after, undefined, undefined, { context: 3, timeout: 2_000 })
  if (!patch) return <p class="notice">The versions differ too much to be compared here.</p>
  const lines = patch.hunks.flatMap(({ oldStart, newStart, lines: changed }) => [
    `@@ line ${oldStart} of this version, line ${newStart} of the loaded one`,
    ...changed,
  ])
  return (
    <>
      <h2>What the loaded version changes</h2>
      {lines.length === 0 ? (
        <p>The two texts are equal.</p>
      ) : (
        <pre tabindex={0} class="difference">
          <code dir="ltr">
            {lines.slice(0, MAX_LINES).map((line) => (
              <span class={line.startsWith('+') ? 'added' : line.startsWith('-') ? 'removed' : undefined}>
                {`${visibleText(line)}\n`}
              </span>
            ))}
          </code>
        </pre>
      )}
      {lines.length > MAX_LINES && <p class="notice">Not shown: {lines.length - MAX_LINES} more lines.</p>}
    </>
  )
}
