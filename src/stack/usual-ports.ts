/**
 * The ports that each server tries on 127.0.0.1, in this order. If all are in use, any free port is chosen. 5432 is
 * left to the system's own PostgreSQL.
 */
export const USUAL_PORTS = {
  postgres: [54329, 54330],
  redis: [6379, 63799],
  temporal: [7233, 17233],
  ui: [8233, 18233],
} as const
