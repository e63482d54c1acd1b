/** TLS errors that mean that the server answered, and its certificate cannot be checked. */
const CERTIFICATE_CODES =
  /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER|GET_CRL|DECRYPT)|HOSTNAME_MISMATCH|INVALID_CA|CRL_)/
const TLS_CODES = /^(ERR_SSL_|EPROTO$)/

/**
 * For an error of TLS: what happened and what to do, as the end of a sentence that begins with the server. Undefined for other errors.
 * `why` is the error's message.
 */
export function tlsProblem(error: unknown, why: string): string | undefined {
  const code = String((error as { code?: unknown } | null)?.code ?? '')
  if (CERTIFICATE_CODES.test(code) || /self-signed certificate|unable to verify the first certificate/i.test(why))
    return `answers, but its TLS certificate is not trusted: ${why}. ${certificateAdvice(code)}`
  if (/does not support SSL connections/i.test(why))
    return `answers, but does not offer TLS, which the address requires`
  if (TLS_CODES.test(code)) return `answers, but not with TLS as the address requires: ${why}`
  return undefined
}

function certificateAdvice(code: string): string {
  if (code === 'CERT_HAS_EXPIRED') return 'Renew the certificate of the server'
  if (code === 'CERT_NOT_YET_VALID') return 'Compare the clocks of this machine and the server'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH')
    return 'Use a host name of the certificate in the address'
  return "Set NODE_EXTRA_CA_CERTS to the file of its CA's certificate, or renew the certificate"
}

/** Percent-encoding is undone where it is valid: a password may hold a plain "%". */
export function decodedPart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * What to do when a password contains a character that ends the host part of an address. Otherwise half the password would be taken for the
 * host or the database, and shown in messages. Undefined for other addresses.
 */
export function unencodedPassword(address: string): string | undefined {
  const endsEarly = /^[a-z][a-z0-9+.-]*:\/\/[^@/?#]*[/?#][^@]*@/i.test(address)
  // An "@" in the value of a parameter is no sign of a password.
  const hasParameters = /^[a-z][a-z0-9+.-]*:\/\/[^@/?#]*(?:\/[^@?#]*)?\?[\w.]+=/i.test(address)
  if (!endsEarly || hasParameters) return undefined
  return 'the user or password contains "/", "?" or "#": write them as %2F, %3F and %23 in the address'
}
