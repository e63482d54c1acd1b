/** TLS errors that mean that the server answered, and its certificate cannot be checked. */
const CERTIFICATE_CODES =
  /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER|GET_CRL|DECRYPT)|HOSTNAME_MISMATCH|INVALID_CA|CRL_)/
const TLS_CODES = /^(ERR_SSL_|EPROTO$)/
/** Alerts that a server sends about the certificate of its client. */
const CLIENT_CERTIFICATE_CODES =
  /^ERR_SSL_.*_ALERT_(CERTIFICATE_|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)/
/** The error codes of OpenSSL for a file of certificates or keys that it cannot use. */
const FILE_CODES = /^(ERR_OSSL_|ERR_TLS_INVALID_CONTEXT|ERR_CRYPTO_)/

/**
 * What happened in a TLS error and what to do, as the end of a sentence that begins with the server. Undefined for
 * other errors. `message` is the error's message without secrets.
 */
export function tlsProblem(error: unknown, message: string): string | undefined {
  // The messages of OpenSSL end with a line break.
  const why = message.trim()
  const code = String((error as { code?: unknown } | null)?.code ?? '')
  if (CERTIFICATE_CODES.test(code) || /self-signed certificate|unable to verify the first certificate/i.test(why))
    return `answers, but its TLS certificate is not trusted: ${why}. ${certificateAdvice(code)}`
  if (code.endsWith('_ALERT_CERTIFICATE_REQUIRED'))
    return `requires a client certificate: add sslcert and sslkey to the address (${why})`
  if (code.endsWith('_ALERT_HANDSHAKE_FAILURE'))
    return `refuses the TLS handshake. If it requires a client certificate, add sslcert and sslkey to the address (${why})`
  if (CLIENT_CERTIFICATE_CODES.test(code))
    return `does not accept the client certificate: check the files of sslcert and sslkey in the address (${why})`
  if (/does not support SSL connections/i.test(why))
    return `answers, but does not offer TLS, which the address requires`
  if (TLS_CODES.test(code)) return `answers, but not with TLS as the address requires: ${why}`
  return undefined
}

/** Like `tlsProblem`, for an error about a file that the address names. */
export function fileProblem(error: unknown, why: string): string | undefined {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown }
  if (syscall === 'open' || code === 'EISDIR') return `is not contacted: a file of the address cannot be read: ${why}`
  if (FILE_CODES.test(String(code ?? '')))
    return `is not contacted: a file of the address is not a certificate or key that can be used: ${why}`
  return undefined
}

function certificateAdvice(code: string): string {
  if (code === 'CERT_HAS_EXPIRED') return 'Renew the certificate of the server'
  if (code === 'CERT_NOT_YET_VALID') return 'Compare the clocks of this machine and the server'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH')
    return 'Use a host name of the certificate in the address'
  return "Set NODE_EXTRA_CA_CERTS or sslrootcert of the address to the file of its CA's certificate, or renew the certificate"
}

/**
 * A part of an address with its percent-encoding decoded. A part whose encoding is not valid is kept, because a
 * password may contain a plain "%".
 */
export function decodedPart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * What to do if a password contains a character that ends the host part of an address. Without this check, a part of the password would be
 * taken for the host or the database, and would be shown in messages. Undefined for other addresses.
 */
export function unencodedPassword(address: string): string | undefined {
  const endsEarly = /^[a-z][a-z0-9+.-]*:\/\/[^@/?#]*[/?#][^@]*@/i.test(address)
  // An "@" in the value of a parameter does not show that the address has a password.
  const hasParameters = /^[a-z][a-z0-9+.-]*:\/\/[^@/?#]*(?:\/[^@?#]*)?\?[\w.]+=/i.test(address)
  if (!endsEarly || hasParameters) return undefined
  return 'the user or password contains "/", "?" or "#": write them as %2F, %3F and %23 in the address'
}
