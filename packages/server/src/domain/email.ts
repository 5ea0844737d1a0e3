import { domainToASCII, domainToUnicode } from 'node:url'

/** What existing Django sites can store as a user name. */
const MAX_LENGTH = 150
const LOCAL_PART = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
/** What `domainToASCII` would read as the rest of a URL, as an escape or as nothing: `acme.test/x`, `acme%2Etest`, a tab. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are among what is refused.
const NO_DOMAIN = /[\x00-,/:-@[-`{-\x7f]/
/** The last label has a letter: `127.1` is an address of a machine, not of mail. */
const DOMAIN = /^(?!(.*\.)?\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/

/**
 * The one spelling under which an address has an account: no surrounding blanks, lower case, ASCII before the @, the
 * domain in punycode. Undefined for what is no such address, so that no look-alike becomes a second account.
 */
export function canonicalEmail(typed: string): string | undefined {
  const trimmed = typed.trim()
  const at = trimmed.lastIndexOf('@')
  if (at < 1 || trimmed.length > 4 * MAX_LENGTH) return undefined
  const local = asciiLowerCase(trimmed.slice(0, at))
  const domain = canonicalDomain(trimmed.slice(at + 1))
  if (local.length > 64 || !LOCAL_PART.test(local) || domain === undefined) return undefined
  const email = `${local}@${domain}`
  return email.length > MAX_LENGTH ? undefined : email
}

function canonicalDomain(typed: string): string | undefined {
  if (NO_DOMAIN.test(typed)) return undefined
  const domain = domainToASCII(typed)
  // A label that stays punycode when read back is none that a name can have; `xn--acme-` would be read as `acme`.
  const isReadable = !domainToUnicode(domain)
    .split('.')
    .some((label) => label.startsWith('xn--'))
  return DOMAIN.test(domain) && isReadable ? domain : undefined
}

/** Only A to Z: `toLowerCase` would turn the Kelvin sign and others into ASCII letters. */
function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
