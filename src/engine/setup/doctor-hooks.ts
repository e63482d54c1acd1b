import type { Config, HookCredentials } from '../../config/config.ts'
import type { Secret } from '../../config/secret.ts'
import { ALERT_SOURCES } from '../../core/alert.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { nearest } from '../../core/nearest.ts'
import type { Catalogue } from '../catalogue.ts'

/** Checks whether each source of alerts has its secret, and whether the incident type of each rule has a runbook. */
export function checkHooks(
  { hooks, alerts }: Pick<Config, 'hooks' | 'alerts'>,
  catalogue: Pick<Catalogue, 'byIncident'>,
): DoctorFinding[] {
  const sources = ALERT_SOURCES.flatMap((source): DoctorFinding[] => {
    const credentials = hooks[source]
    if (!credentials) return []
    const secret = secretOf(credentials)
    const name = `alerts from ${source}`
    if (secret.known) return [{ name, ok: true, detail: `accepted at /v1/hooks/${source}` }]
    const variable = secret.variable ?? 'the variable of its secret'
    const fix = `set ${variable} in the environment or in .runbook/env`
    return [{ name, ok: false, detail: `${variable} is not set: every delivery fails`, fix }]
  })
  const types = [...catalogue.byIncident.keys()]
  const rules = alerts.flatMap(({ incident }, index): DoctorFinding[] => {
    if (types.includes(incident)) return []
    const suggestion = nearest(incident, types)
    const detail = `there is no runbook for incidents of type ${incident}: alerts that match this rule open nothing`
    const fix = suggestion ? `did you mean ${suggestion}?` : 'name the incident type of a runbook'
    return [{ name: `alerts[${index}]`, ok: false, detail, fix }]
  })
  return [...sources, ...rules]
}

function secretOf(credentials: HookCredentials): Secret {
  switch (credentials.by) {
    case 'bearer':
      return credentials.token
    case 'basic':
      return credentials.password
    case 'hmac':
    case 'standardWebhooks':
      return credentials.secret
  }
}
