/** PBKDF2 by the name of its scheme, the first one Django's: the digest, and how many bytes of a hash one round makes. */
export const PBKDF2 = {
  pbkdf2_sha256: { digest: 'sha256', bytes: 32 },
  pbkdf2: { digest: 'sha1', bytes: 20 },
  'pbkdf2-sha256': { digest: 'sha256', bytes: 32 },
  'pbkdf2-sha512': { digest: 'sha512', bytes: 64 },
} as const
type Pbkdf2 = keyof typeof PBKDF2

function isPbkdf2(name: string | undefined): name is Pbkdf2 {
  return name !== undefined && Object.hasOwn(PBKDF2, name)
}

/** What a password string costs to verify: its scheme and parameters, `bcrypt 12`. */
export type PasswordScheme =
  /** `iterations`: of all rounds that it takes to make the hash. */
  | { name: Pbkdf2; iterations: number }
  | { name: 'bcrypt'; cost: number }
  | { name: 'argon2'; memory: number; time: number }

/** Undefined for a string of no form that we verify: it costs nothing. */
export function schemeOf(hash: string): PasswordScheme | undefined {
  const pbkdf2 = /^pbkdf2_sha256\$(\d{1,7})\$/.exec(hash)
  if (pbkdf2) return { name: 'pbkdf2_sha256', iterations: Number(pbkdf2[1]) }
  const bcrypt = /^(?:bcrypt(?:_sha256)?\$)?\$2[aby]\$(\d{2})\$/.exec(hash)
  if (bcrypt) return { name: 'bcrypt', cost: Number(bcrypt[1]) }
  const argon2 = /^(?:argon2)?\$argon2(?:id|i|d)\$v=19\$m=(\d{1,9}),t=(\d{1,3}),p=\d{1,3}\$/.exec(hash)
  if (argon2) return { name: 'argon2', memory: Number(argon2[1]), time: Number(argon2[2]) }
  return otherPbkdf2(hash)
}

function otherPbkdf2(hash: string): PasswordScheme | undefined {
  const found = /^\$(pbkdf2(?:-sha256|-sha512)?)\$(?:i=)?(\d{1,7})(?:,l=\d{1,3})?\$[^$]+\$([^$=]+)={0,2}$/.exec(hash)
  if (!found) return undefined
  const name = found[1] as Pbkdf2 // As the pattern has them.
  const bytes = Math.floor(((found[3]?.length ?? 0) * 3) / 4)
  return { name, iterations: Number(found[2]) * Math.ceil(bytes / PBKDF2[name].bytes) }
}

export function writeScheme(scheme: PasswordScheme): string {
  if (scheme.name === 'argon2') return `${scheme.name} ${scheme.memory} ${scheme.time}`
  return `${scheme.name} ${scheme.name === 'bcrypt' ? scheme.cost : scheme.iterations}`
}

export function readScheme(text: string): PasswordScheme | undefined {
  const [name, first = '', second = ''] = text.split(' ')
  if (isPbkdf2(name)) return { name, iterations: Number(first) }
  if (name === 'bcrypt') return { name, cost: Number(first) }
  return name === 'argon2' ? { name, memory: Number(first), time: Number(second) } : undefined
}
