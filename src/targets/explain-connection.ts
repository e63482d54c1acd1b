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
    return `answers, but its TLS certificate is not trusted: ${why}. Set NODE_EXTRA_CA_CERTS to the file of its CA's certificate, or renew the certificate`
  if (/does not support SSL connections/i.test(why))
    return `answers, but does not offer TLS, which the address requires`
  if (TLS_CODES.test(code)) return `answers, but not with TLS as the address requires: ${why}`
  return undefined
}

/** Percent-encoding is undone where it is valid: a password may hold a plain "%". */
export function decodedPart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
