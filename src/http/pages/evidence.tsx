import type { Hono } from 'hono'
import { RunbookError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import { readEvidenceByRef } from '../../engine/views/evidence.ts'
import type { EvidenceView } from '../../engine/views/view-types.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { evidenceParams } from '../request-schemas.ts'
import { answerPage } from './layout.tsx'
import { pageContext } from './page-context.ts'
import { Result } from './result.tsx'
import { Code, Data, IncidentLink, Time } from './words.tsx'

export function evidenceRoutes(engine: Engine): Hono<ApiEnv> {
  const app = newApp()
  app.get('/incidents/:id/evidence/:ref', async (c) => {
    const address = evidenceParams.safeParse(c.req.param())
    if (!address.success) throw new RunbookError('RUNBOOK_NOT_FOUND', 'this address does not name any evidence')
    const { id, ref } = address.data
    const evidence = await readEvidenceByRef(engine.database, id, ref)
    const children = <EvidencePage id={id} evidence={evidence} />
    const page = pageContext(engine, c.get('session'))
    return answerPage(c, { page, title: `${id} ${evidence.name}`, children })
  })
  return app
}

function EvidencePage({ id, evidence }: { id: string; evidence: EvidenceView }) {
  const { result, error, ...rest } = evidence.body
  return (
    <>
      <p>
        <IncidentLink id={id}>Back to {id}</IncidentLink>
      </p>
      <h1>
        {evidence.name} <span class="small">{evidence.kind}</span>
      </h1>
      <p>
        Read at <Time at={evidence.at} />
        {evidence.truncated && ' · the result was truncated when it was read: the system had more'}
      </p>
      <h2>Parameters</h2>
      <Code text={JSON.stringify(evidence.parameters, null, 2)} />
      <h2>Result</h2>
      {error !== undefined && (
        <p class="problem">
          <Data value={error} />
        </p>
      )}
      {result !== undefined && <Result value={result} />}
      {Object.keys(rest).length > 0 && <Result value={rest} />}
    </>
  )
}
