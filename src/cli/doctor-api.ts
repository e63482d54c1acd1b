import type { DoctorFinding } from '../core/doctor-finding.ts'
import { messageOf } from '../core/errors.ts'
import { withTimeout } from '../core/abort.ts'
import type { Address } from './address.ts'
import { send } from './send.ts'

/** `/readyz` itself gives what it asks two seconds. */
const ANSWER_WITHIN_MS = 4_000

/** Whether the API answers and has what it needs, and whether it knows our token. `expected`: it should be there now. */
export async function doctorApi(address: Address, expected: boolean): Promise<DoctorFinding[]> {
  const { url, start = '"runbook up"' } = address
  try {
    const api = await ready(url)
    return api.ok ? [api, await known(address)] : [api]
  } catch (error) {
    // What fetch throws says "fetch failed"; why stands beneath.
    const why = messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error)
    const detail = `does not answer at ${url}: ${why}`
    const fix = `start it: ${start}, or set RUNBOOK_URL to where it is`
    return [expected ? { name: 'API', ok: false, detail, fix } : { name: 'API', ok: true, warning: true, detail, fix }]
  }
}

/** What it says of itself. Throws when there is no answer. */
async function ready(url: string): Promise<DoctorFinding> {
  const response = await withTimeout(ANSWER_WITHIN_MS, () => fetch(`${url}/readyz`, { redirect: 'error' }))
  const said = (await withTimeout(ANSWER_WITHIN_MS, () => response.json()).catch(() => null)) as Partial<
    Record<'status' | 'database' | 'temporal', unknown>
  > | null
  if (said?.status === undefined || said.database === undefined)
    return {
      name: 'API',
      ok: false,
      detail: `what answers at ${url} is not the runbook API (HTTP ${response.status})`,
      fix: 'set RUNBOOK_URL to where that is',
    }
  const missing = [
    ...(said.database === 'ok' ? [] : ["the engine's database"]),
    ...(said.temporal === 'ok' ? [] : ['Temporal']),
  ]
  return missing.length === 0
    ? { name: 'API', ok: true, detail: `answers at ${url}, and is ready` }
    : { name: 'API', ok: false, detail: `answers at ${url}, but cannot work without ${missing.join(' and ')}` }
}

async function known(address: Address): Promise<DoctorFinding> {
  const finding = { name: 'token', ok: true }
  if (address.token === undefined)
    return { ...finding, warning: true, detail: 'RUNBOOK_TOKEN is not set: you are nobody to the API' }
  try {
    await send(address, '/v1/controls')
    return { ...finding, detail: 'RUNBOOK_TOKEN is known to the API' }
  } catch (error) {
    return { ...finding, ok: false, detail: messageOf(error) }
  }
}
