/** What a password string costs to verify: its scheme and parameters, `bcrypt 12`. */
export type PasswordScheme =
  | { name: 'pbkdf2_sha256'; iterations: number }
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
  return undefined
}

export function writeScheme(scheme: PasswordScheme): string {
  if (scheme.name === 'pbkdf2_sha256') return `${scheme.name} ${scheme.iterations}`
  if (scheme.name === 'bcrypt') return `${scheme.name} ${scheme.cost}`
  return `${scheme.name} ${scheme.memory} ${scheme.time}`
}

export function readScheme(text: string): PasswordScheme | undefined {
  const [name, first = '', second = ''] = text.split(' ')
  if (name === 'pbkdf2_sha256') return { name, iterations: Number(first) }
  if (name === 'bcrypt') return { name, cost: Number(first) }
  return name === 'argon2' ? { name, memory: Number(first), time: Number(second) } : undefined
}
