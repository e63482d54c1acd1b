export interface PrepareOptions {
  /** Who may create roles or users; for PostgreSQL in the database that is to be diagnosed. */
  adminUrl: string
  /** PostgreSQL: all their tables may be read, those to come included. Default: `public`. */
  schemas?: string[]
  /** PostgreSQL: what the actions of the runbooks change, and what their guards look at. */
  grants?: ColumnGrant[]
}

export interface ColumnGrant {
  /** `runs` or `public.runs` */
  table: string
  update: string[]
  select: string[]
  /** Rights on the whole table, as the statements of `sql.execute` say: SELECT, INSERT, UPDATE, DELETE. */
  whole?: string[]
}

export interface PreparedConnection {
  /** What was done, for people, in order. Holds no secret. */
  did: string[]
  /** What could not be done, or should be known. */
  warnings: string[]
  /** Variable → address with its password, for `.runbook/env`; never to be printed. */
  env: Record<string, string>
}

/** One login to be made: the variable its address goes to, and the address in use, whose password is kept while it works. */
export interface WantedLogin {
  variable: string
  current: string | undefined
}
