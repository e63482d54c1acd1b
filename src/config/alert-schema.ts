import { z } from 'zod'
import { plain } from './plain.ts'
import { reference } from './field-types.ts'

const field = plain.regex(
  /^(?:(?:labels|annotations)\..+|fingerprint|startsAt)$/,
  'write the field of the alert that has the value: labels.<name>, annotations.<name>, fingerprint or startsAt; for a constant, { value: … }',
)

export const alertRule = z.strictObject({
  match: z
    .record(z.string(), plain)
    .refine(
      (labels) => Object.keys(labels).length > 0,
      'name at least one label: a rule without one matches every alert',
    )
    .describe(
      'Labels with the values that the alert must have. All of them must match. The first rule that matches counts.',
    ),
  incident: plain.describe('The type of the incident to open.'),
  inputs: z
    .record(z.string(), z.union([field, z.strictObject({ value: plain })]))
    .default({})
    .describe(
      'Inputs of the runbook: the field of the alert that has the value, such as `run: labels.run_id`, or a constant, such as `threshold: { value: 5m }`. An input whose label the alert does not have is left out.',
    ),
})

const bearer = reference.optional().describe('The token that the source sends in the header `Authorization: Bearer`.')
const basic = z
  .strictObject({
    user: plain.describe('The name of the user.'),
    password: reference.describe('The password.'),
  })
  .optional()
  .describe('The user and password that the source sends (HTTP basic authentication).')
const hmac = z
  .strictObject({
    secret: reference.describe('The secret that is set at the contact point in Grafana.'),
    header: plain.default('X-Grafana-Alerting-Signature').describe('The header with the signature.'),
    timestampHeader: plain
      .optional()
      .describe(
        'The header with the time, as it is set at the contact point. With it, a delivery that is older than five minutes is refused; without it, a copied delivery can be sent again.',
      ),
  })
  .optional()
  .describe('The signature (HMAC-SHA256) of the body, as Grafana makes it.')
const standardWebhooks = reference
  .optional()
  .describe('The secret with which the source signs each delivery, as standardwebhooks.com describes it: `whsec_…`.')

const exactlyOne = (ways: object) => Object.values(ways).filter((way) => way !== undefined).length === 1
const ONE_WAY = 'name exactly one way in which the source proves who it is'

/** How each source of alerts proves who it is. A source that is not configured cannot deliver. */
export const hooks = z
  .strictObject({
    alertmanager: z
      .strictObject({ bearer, basic })
      .refine(exactlyOne, ONE_WAY)
      .optional()
      .describe("Prometheus Alertmanager's webhook, at `/v1/hooks/alertmanager`."),
    grafana: z
      .strictObject({ bearer, basic, hmac })
      .refine(exactlyOne, ONE_WAY)
      .optional()
      .describe('A webhook contact point of Grafana, at `/v1/hooks/grafana`.'),
    generic: z
      .strictObject({ bearer, basic, standardWebhooks })
      .refine(exactlyOne, ONE_WAY)
      .optional()
      .describe('Any other source, at `/v1/hooks/generic`.'),
  })
  .default({})
  .describe('The sources of alerts, each with its credentials. A source that is not listed here is refused.')
