/** Tried in this order on 127.0.0.1; when all are taken any free port is used. 5432 is left to a PostgreSQL of the system's. */
export const USUAL_PORTS = {
  postgres: [54329, 54330],
  redis: [6379, 63799],
  temporal: [7233, 17233],
  ui: [8233, 18233],
} as const
