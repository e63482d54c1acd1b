import type pg from 'pg'

/** Adds this worker to the table `workers`. If its name exists, the worker was restarted after a crash. */
export async function registerWorker(pool: pg.Pool, name: string): Promise<void> {
  await pool.query(
    `INSERT INTO workers (name, pid) VALUES ($1, $2)
     ON CONFLICT (name) DO UPDATE SET pid = excluded.pid, starts = workers.starts + 1,
       started_at = now(), seen_at = now(), cpu_percent = 0`,
    [name, process.pid],
  )
}

/** Returns a function that stores this process's CPU usage since its last call (100 is one core) and its memory. */
export function createUsageReport(pool: pg.Pool, name: string): () => Promise<void> {
  let previousUsage = process.cpuUsage()
  let previousTime = process.hrtime.bigint()
  return async () => {
    const used = process.cpuUsage(previousUsage)
    const now = process.hrtime.bigint()
    const percent = ((used.user + used.system) / Math.max(1, Number(now - previousTime) / 1000)) * 100
    previousUsage = process.cpuUsage()
    previousTime = now
    await pool.query(
      `UPDATE workers SET seen_at = now(), cpu_percent = $3, memory_bytes = $4 WHERE name = $1 AND pid = $2`,
      [name, process.pid, Math.round(percent * 10) / 10, process.memoryUsage.rss()],
    )
  }
}

export async function removeWorker(pool: pg.Pool, name: string): Promise<void> {
  await pool.query('DELETE FROM workers WHERE name = $1 AND pid = $2', [name, process.pid])
}
