export interface PrepareOptions {
  /** The address with an account that may create roles or users. For PostgreSQL it names the diagnosed database. */
  adminUrl: string
  /** PostgreSQL: the schemas whose current and future tables may be read. Default: `public`. */
  schemas?: string[]
  /** PostgreSQL: the columns that the runbooks' actions change and that their guards read. */
  grants?: ColumnGrant[]
}

export interface ColumnGrant {
  /** The table's name, with or without its schema: `runs` or `public.runs`. */
  table: string
  update: string[]
  select: string[]
  /** Rights on the whole table, as `sql.execute` declares them: SELECT, INSERT, UPDATE, DELETE. */
  whole?: string[]
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
