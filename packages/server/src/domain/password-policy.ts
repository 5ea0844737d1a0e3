/** Longer ones are refused, never cut. */
export const PASSWORD_MAX_LENGTH = 1024
/** The least that a house may ask for. */
export const PASSWORD_MIN_FLOOR = 8

/** Our own hashes are of the NFKC form, so that the same password typed on another keyboard is the same. */
export function normalPassword(password: string): string {
  return password.normalize('NFKC')
}

/**
 * Whether a password can be hashed at all: text without lone surrogates, which UTF-8 has no form for. Its length counts as
 * typed or as NFKC, whichever is shorter: a keyboard that sends accents apart may double what was chosen at full length.
 */
export function isHashable(password: string): boolean {
  if (!password.isWellFormed() || password.length === 0) return false
  return [password, normalPassword(password)].some((form) => [...form].length <= PASSWORD_MAX_LENGTH)
}

/** What a new password fails, as a sentence's end; undefined when it will do. No composition rules. */
export function passwordFault(password: string, minLength: number, common: ReadonlySet<string>): string | undefined {
  if (!password.isWellFormed()) return 'has a broken character (a lone surrogate)'
  const normal = normalPassword(password)
  const length = [...normal].length
  if (length < minLength) return `must have at least ${minLength} characters`
  if (length > PASSWORD_MAX_LENGTH) return `must have at most ${PASSWORD_MAX_LENGTH} characters`
  if (common.has(normal.toLowerCase())) return 'is one of the most common passwords: choose another'
  return undefined
}
