import type { ColumnGrant } from '../../core/needed-grants.ts'

export interface PrepareOptions {
  /** The address with an account that may create roles or users. For PostgreSQL it names the diagnosed database. */
  adminUrl: string
  /** PostgreSQL: the schemas whose current and future tables may be read. Default: `public`. */
  schemas?: string[]
  /** PostgreSQL: the columns that the runbooks' actions change and that their guards read. */
  grants?: ColumnGrant[]
  /** Changes nothing. The answer says what would be done. */
  dryRun?: boolean
  /**
   * PostgreSQL: asked with a line for each right before rights are revoked from PUBLIC, because this affects every user of the database.
   * Absent: nothing is revoked.
   */
  mayRevoke?(revocations: string[]): Promise<boolean>
}

export interface PreparedConnection {
  /** The completed steps in order, as text for people. Contains no secret. */
  did: string[]
  /** Steps that could not be done, and other facts that the administrator should know. */
  warnings: string[]
  /** Variable → address with its password, for `.runbook/env`. Never print it. */
  env: Record<string, string>
}

/** A login to create: the variable for its address, and the current address, whose password is kept if it works. */
export interface WantedLogin {
  variable: string
  current: string | undefined
}
