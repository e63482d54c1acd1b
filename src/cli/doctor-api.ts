import type { DoctorFinding } from '../core/doctor-finding.ts'
import type { FileStatus } from '../core/file-status.ts'
import { messageOf } from '../core/errors.ts'
import { withTimeout } from '../core/abort.ts'
import type { Address } from './address.ts'
import { versionMismatch } from './api-version.ts'
import { fileWarnings } from './render/files.ts'
import { send } from './send.ts'

/** The time limit for `/readyz`. It is longer than the time for which `/readyz` itself waits for the database and Temporal (2 s). */
const READY_TIMEOUT_MS = 4_000

/**
 * Checks that the API answers and is ready, that it belongs to this engine, and that it accepts the token. `expected`: no answer is an
 * error, not a warning. `ownEngine`: the id of the engine of this configuration, if it is known.
 */
export async function doctorApi(
  address: Address,
  expected: boolean,
  ownEngine?: Promise<string | undefined>,
): Promise<DoctorFinding[]> {
  const { url, start = '"runbook up"' } = address
  try {
    const api = await checkReady(url, await ownEngine)
    if (!api.ok) return [api]
    const token = await checkToken(address)
    return token.ok && address.token !== undefined ? [api, token, ...(await checkFiles(address))] : [api, token]
  } catch (error) {
    // The message of fetch's error is only "fetch failed"; the cause of the error has the reason.
    const reason = messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error)
    const detail = `does not answer at ${url}: ${reason}`
    const fix = `start it with ${start}, or set RUNBOOK_URL to its address`
    return [expected ? { name: 'API', ok: false, detail, fix } : { name: 'API', ok: true, warning: true, detail, fix }]
  }
}

/** Checks that the API is ready. Throws if there is no answer. */
async function checkReady(url: string, ownEngine: string | undefined): Promise<DoctorFinding> {
  const response = await withTimeout(READY_TIMEOUT_MS, () => fetch(`${url}/readyz`, { redirect: 'error' }))
  const body = (await withTimeout(READY_TIMEOUT_MS, () => response.json()).catch(() => null)) as Partial<
    Record<'status' | 'database' | 'temporal' | 'engine', unknown>
  > | null
  if (body?.status === undefined || body.database === undefined)
    return {
      name: 'API',
      ok: false,
      detail: `the server at ${url} is not the runbook API (HTTP ${response.status})`,
      fix: "set RUNBOOK_URL to the API's address",
    }
  if (ownEngine !== undefined && typeof body.engine === 'string' && body.engine !== ownEngine)
    return {
      name: 'API',
      ok: false,
      detail: `the API at ${url} belongs to another installation: its engine is ${body.engine}, and the database of this configuration is of engine ${ownEngine}`,
      fix: "set RUNBOOK_URL to the address of this installation's API, or stop the API at that address if it should not run there",
    }
  const missing = [
    ...(body.database === 'ok' ? [] : ["the engine's database"]),
    ...(body.temporal === 'ok' ? [] : ['Temporal']),
  ]
  return missing.length === 0
    ? { name: 'API', ok: true, detail: `ready at ${url}` }
    : { name: 'API', ok: false, detail: `answers at ${url}, but cannot reach ${missing.join(' and ')}` }
}

async function checkToken(address: Address): Promise<DoctorFinding> {
  const finding = { name: 'token', ok: true }
  if (address.token === undefined)
    return { ...finding, warning: true, detail: 'RUNBOOK_TOKEN is not set: API calls will be unauthenticated' }
  try {
    let mismatch: string | undefined
    const onVersion = (version: string | null) => (mismatch = versionMismatch(address.url, version))
    await send({ ...address, onVersion }, '/v1/controls')
    const detail = 'the API accepts RUNBOOK_TOKEN'
    return mismatch === undefined
      ? { ...finding, detail }
      : { ...finding, warning: true, detail: `${detail}; ${mismatch}` }
  } catch (error) {
    return { ...finding, ok: false, detail: messageOf(error) }
  }
}

/** Whether the API uses the present versions of the runbooks and the configuration. */
async function checkFiles(address: Address): Promise<DoctorFinding[]> {
  const name = 'files of the API'
  try {
    const { files } = (await (await send(address, '/v1/runbooks')).json()) as { files?: FileStatus }
    if (files === undefined) return []
    const warnings = fileWarnings(files)
    if (warnings.length === 0) return [{ name, ok: true, detail: `in use as they were read at ${files.loadedAt}` }]
    return warnings.map((detail, i) =>
      i === 0 && files.problems.length > 0 ? { name, ok: false, detail } : { name, ok: true, warning: true, detail },
    )
  } catch (error) {
    return [{ name, ok: false, detail: messageOf(error) }]
  }
}
