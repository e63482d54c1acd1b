import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Certificate {
  key: string
  cert: string
  ca: string
}

/** A certificate for `name` in files of `dir`, signed by a CA that is created for it. With negative `days`, it has already expired. */
export async function makeCertificate(openssl: string, dir: string, name: string, days = 2): Promise<Certificate> {
  const file = (end: string) => join(dir, `${name}-${days}-${end}`)
  const [caKey, ca, key, request, cert, extension] = ['ca.key', 'ca.pem', 'key.pem', 'csr', 'cert.pem', 'ext'].map(file)
  const subject = (common: string) => ['-subj', `/CN=${common}`]
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await run(openssl, ['req', '-x509', ...newKey, '-keyout', caKey!, '-out', ca!, '-days', '2', ...subject('test CA')])
  await run(openssl, ['req', ...newKey, '-keyout', key!, '-out', request!, ...subject(name)])
  await writeFile(extension!, `subjectAltName=${/^[\d.]+$/.test(name) ? 'IP' : 'DNS'}:${name}\n`)
  const by = ['-CA', ca!, '-CAkey', caKey!, '-CAcreateserial', '-extfile', extension!, '-days', String(days)]
  await run(openssl, ['x509', '-req', '-in', request!, '-out', cert!, ...by])
  return { key: key!, cert: cert!, ca: ca! }
}
