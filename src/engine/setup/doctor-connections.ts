import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import type { Config, ConnectionConfig, PostgresConnection } from '../../config/config.ts'
import { scrubSecrets } from '../../config/secret.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { isRunbookError, messageOf } from '../../core/errors.ts'
import { withTimeout } from '../../core/abort.ts'
import { findLogFiles } from '../../targets/find-log-files.ts'
import { neededGrants } from '../../core/needed-grants.ts'
import type { Plan } from '../../core/plan.ts'
import { openTargets } from '../../targets/open-targets.ts'
import { requestHttp } from '../../targets/request-http.ts'
import type { Targets } from '../../targets/targets.ts'
import {
  engineUse,
  sharedTooMany,
  type LoginUse,
  type PostgresLimits,
  type Processes,
} from './doctor-connection-limits.ts'
import { whereAddressIs } from './doctor-reason.ts'
import { postgresLimitations, redisLimitations, type Limitation, type Needs } from './doctor-servers.ts'

const ANSWER_TIMEOUT_MS = 5_000
const HTTP_TIMEOUT_MS = 2_000

/**
 * Tests every connection with its read credential. Reads whether the server of the write credential accepts writes and grants the rights
 * that the actions of `plans` need, and whether the servers accept as many connections as `processes` may open. `own`: the limits of the
 * engine's own database, whose connections count too.
 */
export async function doctorConnections(
  config: Pick<Config, 'connections'>,
  processes: Processes = { workers: undefined },
  plans: readonly Plan[] = [],
  own?: PostgresLimits,
): Promise<DoctorFinding[]> {
  const targets = openTargets(config)
  const uses = own ? [engineUse(own, processes)] : []
  const onUse = (use: LoginUse) => void uses.push(use)
  try {
    const findings = await Promise.all(
      Object.entries(config.connections).map(async ([name, connection]) => {
        const finding = { name: `connection ${name}`, ok: true }
        try {
          return {
            ...finding,
            ...withPasswordWarning(
              connection,
              await withTimeout(ANSWER_TIMEOUT_MS, () =>
                testConnection(targets, name, connection, { processes, grants: neededGrants(plans, name), onUse }),
              ),
            ),
          }
        } catch (error) {
          return { ...finding, ok: false, detail: scrubSecrets(reasonOf(error)), ...fixOf(connection, error) }
        }
      }),
    )
    return [...findings, ...sharedFindings(sharedTooMany(uses, processes))]
  } finally {
    await targets.close()
  }
}

type TestResult = Pick<DoctorFinding, 'detail' | 'warning' | 'fix'>

async function testConnection(
  targets: Targets,
  name: string,
  connection: ConnectionConfig,
  needs: Needs,
): Promise<TestResult> {
  switch (connection.kind) {
    case 'postgres':
      return testPostgres(targets, name, connection, needs)
    case 'bullmq':
      return withLimitations(
        `answers; queue ${connection.prefix}:${connection.queue}`,
        await redisLimitations(targets, name, connection, needs),
      )
    case 'redis':
      return withLimitations('answers', await redisLimitations(targets, name, connection, needs))
    case 'http':
      return testHttp(targets, name)
    case 'process':
      await targets.process(name)
      return { detail: `commands: ${Object.keys(connection.commands).join(', ')}` }
    case 'logs':
      return testLogs((await targets.logs(name)).files)
  }
}

/** What to do about a read login that cannot be used. A message about a variable that is not set already says it. */
function fixOf(connection: ConnectionConfig, error: unknown): Pick<DoctorFinding, 'fix'> {
  if (!('read' in connection) || !connection.read.known) return {}
  const correct = `correct the address in ${whereAddressIs(connection.read, 'read')}`
  return { fix: isRunbookError(error, 'RUNBOOK_UNREACHABLE') ? `start the server, or ${correct}` : correct }
}

function withPasswordWarning(connection: ConnectionConfig, result: TestResult): TestResult {
  const secrets = 'read' in connection ? [connection.read, connection.write] : []
  if (!secrets.some((secret) => secret?.isCommonWord)) return result
  return {
    ...result,
    warning: true,
    detail: `${result.detail}; its password is a common word, so it is hidden only in addresses and after names such as "password"`,
    fix: result.fix ?? 'set a random password: it is hidden in every text',
  }
}

async function testPostgres(
  targets: Targets,
  name: string,
  connection: PostgresConnection,
  needs: Needs,
): Promise<TestResult> {
  const limitations = await postgresLimitations(targets, name, connection, needs)
  const ledger =
    connection.ledger === 'target'
      ? 'answers; effects are applied exactly once'
      : 'answers; no ledger: effects are applied at most once'
  return withLimitations(ledger, limitations)
}

function sharedFindings(limitations: Limitation[]): DoctorFinding[] {
  return limitations.map(({ detail, fix }) => ({ name: 'connections together', ok: true, warning: true, detail, fix }))
}

function withLimitations(detail: string, limitations: Limitation[]): TestResult {
  if (limitations.length === 0) return { detail }
  return {
    warning: true,
    detail: [detail, ...limitations.map((one) => one.detail)].join('; '),
    fix: limitations.map((one) => one.fix).join('; '),
  }
}

/** Files that are missing now may exist when an incident happens, so missing files give only a warning. */
async function testLogs(patterns: string[]): Promise<TestResult> {
  const found = await Promise.all(
    patterns.map(async (pattern) => ({ pattern, ...(await findLogFiles({ files: [pattern] })) })),
  )
  const problems = found.flatMap((one) => one.problems)
  for (const { pattern, files, problems: known } of found) {
    if (files.length === 0 && known.length === 0) problems.push(`no file matches ${pattern}`)
    for (const { file } of files)
      await access(file, constants.R_OK).catch((error: unknown) =>
        problems.push(`cannot read ${file}: ${messageOf(error)}`),
      )
  }
  const count = new Set(found.flatMap(({ files }) => files.map(({ file }) => file))).size
  const detail = `${patterns.join(', ')}: ${count} ${count === 1 ? 'file' : 'files'}`
  if (problems.length === 0) return { detail }
  return {
    warning: true,
    detail: [detail, ...problems.slice(0, 5)].join('; '),
    fix: 'correct "files" of the connection, or let the account of the worker read them',
  }
}

/** A service that is down gives only a warning, because runbooks exist for that case and the configuration is not the cause. */
async function testHttp(targets: Targets, name: string): Promise<TestResult> {
  const target = await targets.http(name)
  try {
    const { status } = await requestHttp(target, { timeoutMs: HTTP_TIMEOUT_MS, maxBytes: 1_024 })
    return { detail: `answers: HTTP ${status} for GET ${target.baseUrl.href}` }
  } catch (error) {
    return { warning: true, detail: scrubSecrets(`does not answer: ${reasonOf(error)}`) }
  }
}

/** The error's message without the connection's name, because the finding's name already contains it. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^connection [^:(]+(?:: | (?=\())/, '')
}
