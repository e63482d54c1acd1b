import { connectionTo, type Kind } from './kind.ts'

export const httpRequest: Kind = {
  name: 'http.request',
  access: 'write',
  summary: 'Sends one request that changes something to a configured service.',
  doc: `The host comes only from the connection. \`path\` is literal, with placeholders \`{name}\`; each value fills one segment and is URL-encoded. A status from 200 to 299 makes the effect \`applied\`, from 400 to 499 \`refused\`. With any other status, and with 207 and 408, the request may have been carried out: the effect is \`unknown\`. Redirects are not followed.

The header \`Idempotency-Key\` has the key of the effect and a part of the proposal's digest, so that a service that supports it applies the request only once. The request is not fenced: if no answer arrives, the effect is \`unknown\` and a person must settle it.`,
  parameters: {
    connection: connectionTo(['http'], 'The name of the connection to the service.'),
    method: {
      type: { oneOf: ['POST', 'PUT', 'PATCH', 'DELETE'] },
      required: true,
      doc: 'The HTTP method.',
      literal: true,
    },
    path: {
      type: { value: 'string' },
      required: true,
      doc: "The path below the connection's URL: `/v1/step-types/{type}/retry`.",
      literal: true,
    },
    values: {
      type: { record: 'dyn' },
      required: false,
      doc: 'Placeholder → value. Each placeholder needs a value; other names are not allowed.',
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
      return [
        { parameter: 'path', message: 'must start with one "/" and cannot have a query, fragment, space or backslash' },
      ]
    const placeholders = [...path.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1] ?? '')
    const names = typeof values === 'object' && values !== null ? Object.keys(values) : []
    return [
      ...placeholders
        .filter((name) => !names.includes(name))
        .map((name) => ({ parameter: 'path', message: `has {${name}}, which has no value in "values"` })),
      ...names
        .filter((name) => !placeholders.includes(name))
        .map((name) => ({ parameter: 'values', message: `has "${name}", which is not in "path"` })),
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
