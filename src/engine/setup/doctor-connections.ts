import type { Config, ConnectionConfig, PostgresConnection } from '../../config/config.ts'
import { scrubSecrets } from '../../config/secret.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { messageOf } from '../../core/errors.ts'
import { temporaryFileLimit } from './temporary-files.ts'
import { withTimeout } from '../../core/abort.ts'
import { withPostgres } from '../../targets/open-postgres.ts'
import { securedTables, tableList } from '../../targets/row-security.ts'
import { openTargets } from '../../targets/open-targets.ts'
import { requestHttp } from '../../targets/request-http.ts'
import type { Targets } from '../../targets/targets.ts'

const ANSWER_TIMEOUT_MS = 5_000
const HTTP_TIMEOUT_MS = 2_000

/** Tests every connection with its read credential. */
export async function doctorConnections(config: Pick<Config, 'connections'>): Promise<DoctorFinding[]> {
  const targets = openTargets(config)
  try {
    return await Promise.all(
      Object.entries(config.connections).map(async ([name, connection]) => {
        const finding = { name: `connection ${name}`, ok: true }
        try {
          return {
            ...finding,
            ...withPasswordWarning(
              connection,
              await withTimeout(ANSWER_TIMEOUT_MS, () => testConnection(targets, name, connection)),
            ),
          }
        } catch (error) {
          return { ...finding, ok: false, detail: scrubSecrets(reasonOf(error)) }
        }
      }),
    )
  } finally {
    await targets.close()
  }
}

type TestResult = Pick<DoctorFinding, 'detail' | 'warning' | 'fix'>

async function testConnection(targets: Targets, name: string, connection: ConnectionConfig): Promise<TestResult> {
  switch (connection.kind) {
    case 'postgres':
      return testPostgres(targets, name, connection)
    case 'bullmq':
      await (await targets.bullmq(name, 'read')).redis.ping()
      return { detail: `answers; queue ${connection.prefix}:${connection.queue}` }
    case 'redis':
      await (await targets.redis(name, 'read')).redis.ping()
      return { detail: 'answers' }
    case 'http':
      return testHttp(targets, name)
    case 'process':
      await targets.process(name)
      return { detail: `commands: ${Object.keys(connection.commands).join(', ')}` }
    case 'logs':
      await targets.logs(name)
      return { detail: connection.files.join(', ') }
  }
}

function withPasswordWarning(connection: ConnectionConfig, result: TestResult): TestResult {
  const secrets = 'read' in connection ? [connection.read, connection.write] : []
  if (!secrets.some((secret) => secret?.isCommonWord)) return result
  return {
    ...result,
    warning: true,
    detail: `${result.detail}; its password is a common word, which is hidden only in addresses and after names such as password`,
    fix: result.fix ?? 'set a random password: it is hidden in every text',
  }
}

async function testPostgres(targets: Targets, name: string, connection: PostgresConnection): Promise<TestResult> {
  const target = await targets.postgres(name, 'read')
  const { secured, fileLimit } = await withPostgres(target, async (client) => ({
    secured: await securedTables(client),
    fileLimit: await temporaryFileLimit(client),
  }))
  const hidden = secured.filter(({ showsAll }) => !showsAll)
  const ledger =
    connection.ledger === 'target'
      ? 'answers; effects are applied exactly once'
      : 'answers; no ledger: effects are applied at most once'
  if (hidden.length === 0 && fileLimit !== undefined) return { detail: ledger }
  if (hidden.length === 0)
    return {
      warning: true,
      detail: `${ledger}; the temporary files of the read login are not limited, so a sort in a check can fill the server's disk`,
      fix: `run "runbook connection prepare ${name}", or as a superuser ALTER ROLE <read login> SET temp_file_limit = '1GB'`,
    }
  return {
    warning: true,
    detail: `${ledger}; row-level security hides rows of ${tableList(hidden)} from the read login, so checks of them fail`,
    fix: 'create a policy FOR SELECT TO the role of the read login USING (true) on each of these tables',
  }
}

/** A service that is down is a warning: runbooks exist for that, and the configuration is not at fault. */
async function testHttp(targets: Targets, name: string): Promise<TestResult> {
  const target = await targets.http(name)
  try {
    const { status } = await requestHttp(target, { timeoutMs: HTTP_TIMEOUT_MS, maxBytes: 1_024 })
    return { detail: `answers: HTTP ${status} for GET ${target.baseUrl.href}` }
  } catch (error) {
    return { warning: true, detail: scrubSecrets(`does not answer: ${reasonOf(error)}`) }
  }
}

/** Without the connection's name, which the finding's name contains. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^connection [^:(]+(?:: | (?=\())/, '')
}
