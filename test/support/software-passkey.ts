import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** An authenticator in software: what a phone or a security key does, so that tests can also do what those refuse to do. */
export interface SoftwarePasskey {
  id: string
  /** The count of its signatures, which a test may set back. */
  count: number
  /** What the browser returns after creating it. */
  created(options: { challenge: string }): string
  /** What the browser returns after signing. `change` replaces what an honest browser writes. */
  signed(options: { challenge: string }, change?: SignedChange): PasskeyAnswer
}

export interface PasskeyAnswer {
  id: string
  response: { authenticatorData: string; clientDataJSON: string; signature: string }
}

export interface SignedChange {
  origin?: string
  crossOrigin?: boolean
  /** The name of the site that the authenticator signs for. */
  site?: string
  /** 1: a person was present; 4: the person was verified. */
  flags?: number
}

const PRESENT_AND_VERIFIED = 0x05
const HAS_KEY = 0x40

export function newSoftwarePasskey(origin: string): SoftwarePasskey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const id = randomBytes(16)
  const { x, y } = publicKey.export({ format: 'jwk' })
  const coordinates = [x!, y!].map((text) => Buffer.from(text, 'base64url'))
  // A CBOR map with the fields of an ES256 key: type 2, algorithm -7, curve 1, x and y.
  const cose = Buffer.concat([
    Buffer.from('a5010203262001215820', 'hex'),
    coordinates[0]!,
    Buffer.from('225820', 'hex'),
    coordinates[1]!,
  ])
  const clientData = (type: string, challenge: string, { origin: from = origin, crossOrigin = false }: SignedChange) =>
    Buffer.from(JSON.stringify({ type, challenge, origin: from, crossOrigin }))
  const authenticatorData = (flags: number, count: number, site = new URL(origin).hostname) => {
    const data = Buffer.alloc(37)
    createHash('sha256').update(site).digest().copy(data)
    data.writeUInt8(flags, 32)
    data.writeUInt32BE(count, 33)
    return data
  }
  const passkey: SoftwarePasskey = {
    id: id.toString('base64url'),
    count: 0,
    created: ({ challenge }) => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(id.length)
      const data = [authenticatorData(PRESENT_AND_VERIFIED | HAS_KEY, 0), Buffer.alloc(16), length, id, cose]
      const attestationObject = attestation(Buffer.concat(data))
      const response = { clientDataJSON: clientData('webauthn.create', challenge, {}), attestationObject }
      return JSON.stringify({ id: passkey.id, type: 'public-key', response: encoded(response) })
    },
    signed: ({ challenge }, change = {}) => {
      passkey.count += 1
      const data = authenticatorData(change.flags ?? PRESENT_AND_VERIFIED, passkey.count, change.site)
      const clientDataJSON = clientData('webauthn.get', challenge, change)
      const message = Buffer.concat([data, createHash('sha256').update(clientDataJSON).digest()])
      const signature = sign('sha256', message, privateKey)
      return { id: passkey.id, response: encoded({ authenticatorData: data, clientDataJSON, signature }) }
    },
  }
  return passkey
}

/** The CBOR map `{ fmt: 'none', attStmt: {}, authData }`. */
function attestation(data: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(data.length)
  const text = (value: string) => Buffer.concat([Buffer.from([0x60 + value.length]), Buffer.from(value)])
  return Buffer.concat([
    ...[Buffer.from([0xa3]), text('fmt'), text('none'), text('attStmt'), Buffer.from([0xa0])],
    ...[text('authData'), Buffer.from([0x59]), length, data],
  ])
}

function encoded<T extends string>(values: Record<T, Buffer>): Record<T, string> {
  const entries = Object.entries<Buffer>(values).map(([name, value]) => [name, value.toString('base64url')])
  return Object.fromEntries(entries) as Record<T, string>
}
