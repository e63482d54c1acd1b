import type { Address } from './address.ts'
import { Client } from './client.ts'

export interface SignInLink {
  url: string
  /** When the link expires (ISO 8601). */
  expiresAt: string
}

/** Asks the API for a link that signs the token's person in to the pages once. */
export async function createSignInLink(address: Address): Promise<SignInLink> {
  const { path, expiresAt } = await new Client(address).signInLink()
  return { url: address.url + path, expiresAt }
}

/** The line that a command prints when it serves the pages: a link for the person of the token, else how to get a link. */
export async function signInHint(address: Address): Promise<string> {
  if (address.token !== undefined)
    try {
      return `${(await createSignInLink(address)).url}   (signs you in once, within 10 minutes)`
    } catch {
      // The token may belong to another person or to nobody here. The pages work without the link.
    }
  return `${address.url}/   (sign in with your token)`
}
