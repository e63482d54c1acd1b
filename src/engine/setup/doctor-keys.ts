import type { Config } from '../../config/config.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { signerNamedIn, type Keyring } from '../../gate/keyring.ts'
import { openDatabase, type Database } from '../../history/database.ts'
import { openEngineKeyring } from '../open-keyring.ts'

const ANSWER_TIMEOUT_MS = 4_000
/** The maximum number of decisions that are read. */
const MAX_DECISIONS = 5_000
const MAX_NAMED = 5

/**
 * Finds the keys that verify decisions on open gates but are missing in the configuration, and reports which former keys are still needed.
 */
export async function doctorKeys(config: Pick<Config, 'database' | 'signing' | 'people'>): Promise<DoctorFinding[]> {
  const keyring = openEngineKeyring(config)
  const database = openDatabase(config.database.reveal(), {
    max: 1,
    name: 'runbook doctor',
    answerMs: ANSWER_TIMEOUT_MS,
  })
  try {
    const { signers, complete } = await readSigners(database, keyring)
    const former = config.signing.previous.map((key) => formerKey(key, signers.get(key), complete))
    return [...missingKeys(signers), ...former]
  } finally {
    await database.end()
  }
}

/** The gates whose decisions a key signed. */
interface Signed {
  isKnown: boolean
  gates: Set<string>
}

/**
 * For each public key, the gates that may still be applied and whose decisions it signed. The key is empty if a token does not name one.
 */
async function readSigners(
  database: Database,
  keyring: Keyring,
): Promise<{ signers: Map<string, Signed>; complete: boolean }> {
  const found = await database.query<{ gate: string; token: string }>(
    `SELECT d.gate, d.token FROM runbook.decisions d JOIN runbook.gates g ON g.id = d.gate
     JOIN runbook.incidents i ON i.id = g.incident
     WHERE i.closed_at IS NULL AND g.state IN ('open', 'approved') AND d.withdrawn_at IS NULL ORDER BY d.at DESC LIMIT $1`,
    [MAX_DECISIONS],
  )
  const signers = new Map<string, Signed>()
  for (const { gate, token } of found.rows) {
    const examined = await keyring.examine(token).catch(() => undefined)
    const key = examined?.key ?? signerNamedIn(token) ?? ''
    const signed = signers.get(key) ?? { isKnown: examined !== undefined, gates: new Set() }
    signers.set(key, signed)
    signed.gates.add(gate)
  }
  return { signers, complete: found.rows.length < MAX_DECISIONS }
}

function missingKeys(signers: Map<string, Signed>): DoctorFinding[] {
  return [...signers].flatMap(([key, { isKnown, gates }]) =>
    isKnown
      ? []
      : [
          {
            name: 'missing key',
            ok: false,
            detail: `decisions on ${named(gates)} do not count: they are signed by ${key === '' ? 'a key that they do not name' : key}, which is not in the configuration`,
            fix: 'if it was the signing key, list it in signing.previous; if it is a key of a person, under the keys of that person. Otherwise somebody forged them: run "runbook audit verify"',
          },
        ],
  )
}

function formerKey(key: string, signed: Signed | undefined, complete: boolean): DoctorFinding {
  const name = 'former signing key'
  if (signed) return { name, ok: true, detail: `${key}: ${named(signed.gates)} ${needs(signed.gates)} it` }
  if (!complete)
    return {
      name,
      ok: true,
      detail: `${key}: there are too many decisions to find out whether an open gate needs this key`,
    }
  return {
    name,
    ok: true,
    detail: `${key}: no open gate needs it. Make a checkpoint ("runbook audit checkpoint"), then remove it from signing.previous`,
  }
}

function needs(gates: Set<string>): string {
  return gates.size === 1 ? 'needs' : 'need'
}

function named(gates: Set<string>): string {
  const all = [...gates].toSorted()
  const more = all.length > MAX_NAMED ? ` and ${all.length - MAX_NAMED} more` : ''
  return `${all.slice(0, MAX_NAMED).join(', ')}${more}`
}
