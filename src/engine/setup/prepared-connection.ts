import type { ColumnGrant } from '../../core/needed-grants.ts'

export interface PrepareOptions {
  /** The address with an account that may create roles or users. For PostgreSQL it names the diagnosed database. */
  adminUrl: string
  /** PostgreSQL: the schemas whose current and future tables may be read. Default: `public`. */
  schemas?: string[]
  /** PostgreSQL: the columns that the runbooks' actions change and that their guards read. */
  grants?: ColumnGrant[]
  /** If true, nothing is changed. The answer says what would be done. */
  dryRun?: boolean
  /**
   * PostgreSQL: called with one line for each right before rights are revoked from PUBLIC, because this affects every user of the database.
   * If absent, nothing is revoked.
   */
  mayRevoke?(revocations: string[]): Promise<boolean>
}

export interface PreparedConnection {
  /** The completed steps in order, as text for people. The text contains no secret. */
  did: string[]
  /** Steps that could not be done, and other facts that the administrator should know. */
  warnings: string[]
  /** The variables for `.runbook/env`, each with an address that contains its password. Never print them. */
  env: Record<string, string>
}

/** A login to create: the variable that holds its address, and the present address. If the password in that address works, it is kept. */
export interface WantedLogin {
  variable: string
  current: string | undefined
}
