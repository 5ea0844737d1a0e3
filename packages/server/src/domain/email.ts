import { domainToASCII } from 'node:url'

/** What existing Django sites can store as a user name. */
const MAX_LENGTH = 150
const LOCAL_PART = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
const DOMAIN = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/

/**
 * The one spelling under which an address has an account: no surrounding blanks, lower case, ASCII before the @, the
 * domain in punycode. Undefined for what is no such address, so that no look-alike becomes a second account.
 */
export function canonicalEmail(typed: string): string | undefined {
  const trimmed = typed.trim()
  const at = trimmed.lastIndexOf('@')
  if (at < 1 || trimmed.length > 4 * MAX_LENGTH) return undefined
  const local = asciiLowerCase(trimmed.slice(0, at))
  const domain = domainToASCII(trimmed.slice(at + 1))
  if (local.length > 64 || !LOCAL_PART.test(local) || !DOMAIN.test(domain)) return undefined
  const email = `${local}@${domain}`
  return email.length > MAX_LENGTH ? undefined : email
}

/** Only A to Z: `toLowerCase` would turn the Kelvin sign and others into ASCII letters. */
function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
