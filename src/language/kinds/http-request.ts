import { connectionTo, type Kind } from './kind.ts'

export const httpRequest: Kind = {
  name: 'http.request',
  access: 'write',
  summary: 'Sends one changing request to a configured service.',
  doc: `The host comes from the connection only. \`path\` is literal, with placeholders \`{name}\`; each value fills one segment and is URL-encoded. An answer from 200 to 299 is \`applied\`; 400 to 499 is \`refused\`; redirects are not followed.

The header \`Idempotency-Key\` carries the effect's key, so that a service that honours it applies the request once. Not fenced: when no answer was seen, the effect is \`unknown\` and a person settles it.`,
  parameters: {
    connection: connectionTo(['http'], 'The service, by the name of its connection.'),
    method: { type: { oneOf: ['POST', 'PUT', 'PATCH', 'DELETE'] }, required: true, doc: 'The method.', literal: true },
    path: {
      type: { value: 'string' },
      required: true,
      doc: "The path below the connection's URL: `/v1/step-types/{type}/retry`.",
      literal: true,
    },
    values: {
      type: { record: 'dyn' },
      required: false,
      doc: 'Placeholder → value. Each placeholder needs one, and nothing else may be given.',
      literal: false,
    },
    query: { type: { record: 'dyn' }, required: false, doc: 'Query parameters.', literal: false },
    body: { type: { record: 'dyn' }, required: false, doc: 'Sent as JSON.', literal: false },
  },
  result: () => ({ object: { status: 'int', body: 'string' } }),
  validate(parameters) {
    const { path, values } = parameters
    if (typeof path !== 'string') return []
    if (!path.startsWith('/') || path.startsWith('//') || /[?#\\\s]/.test(path))
      return [{ parameter: 'path', message: 'must start with one "/" and hold no query, fragment, space or backslash' }]
    const named = [...path.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1] ?? '')
    const given = typeof values === 'object' && values !== null ? Object.keys(values) : []
    return [
      ...named
        .filter((name) => !given.includes(name))
        .map((name) => ({ parameter: 'path', message: `{${name}} has no value in values` })),
      ...given
        .filter((name) => !named.includes(name))
        .map((name) => ({ parameter: 'values', message: `"${name}" does not stand in path` })),
    ]
  },
  timeoutMs: 15_000,
  example: `action: http.request
with:
  connection: ml-inference
  method: POST
  path: /v1/models/{model}/reload
  values: { model: "\${{ step.model }}" }
  body: { reason: stuck }
`,
}
