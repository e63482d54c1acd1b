import { run } from './run.js'

/** docker-compose.yml requires these variables. */
const REQUIRED = [
  'POSTGRES_PASSWORD',
  'REDIS_PASSWORD',
  'ENGINE_PASSWORD',
  'RUNBOOK_SIGNING_KEY',
  'RUNBOOK_OPERATOR',
  'RUNBOOK_LEAD',
]

/**
 * Checks docker-compose.yml with docker-compose, which needs no container engine for that.
 *
 * @returns {Promise<{ passed: number, failed: number, failures: string[] }>} nothing counted where docker-compose is not installed, except in CI
 */
export async function checkCompose() {
  const placeholders = Object.fromEntries(REQUIRED.map((name) => [name, 'x']))
  for (const [command, ...args] of [['docker-compose'], ['docker', 'compose']]) {
    if ((await run(command, [...args, 'version'])).code !== 0) continue
    const { code, output } = await run(command, [...args, 'config', '--quiet'], {
      env: { ...placeholders, ...process.env },
    })
    console.log(`compose file          ${code === 0 ? 'ok' : `FAILED\n\n${output}\n`}`)
    return counted(code === 0, 'docker-compose.yml is not valid')
  }
  const inCI = Boolean(process.env.CI)
  console.log(`compose file          ${inCI ? 'FAILED' : 'skipped'}: docker-compose is not installed`)
  return inCI ? counted(false, 'docker-compose is not installed') : { passed: 0, failed: 0, failures: [] }
}

function counted(valid, failure) {
  return valid ? { passed: 1, failed: 0, failures: [] } : { passed: 0, failed: 1, failures: [failure] }
}
