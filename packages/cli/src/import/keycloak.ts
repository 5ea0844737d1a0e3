/** The one password of a user in a Keycloak export. Both parts are JSON in a text. */
export type KeycloakCredential = { type?: unknown; secretData?: unknown; credentialData?: unknown }

/** By the name of their provider in Keycloak: what they are called in a password string. */
const PBKDF2: Record<string, string> = {
  pbkdf2: 'pbkdf2',
  'pbkdf2-sha1': 'pbkdf2',
  'pbkdf2-sha256': 'pbkdf2-sha256',
  'pbkdf2-sha512': 'pbkdf2-sha512',
}

/**
 * The password string of a Keycloak user: `$pbkdf2-sha512$i=210000$<salt>$<hash>`, or argon2's own form. Undefined where there is no
 * password; null where there is one that nobody here can read.
 */
export function keycloakPassword(credentials: unknown): string | null | undefined {
  if (!Array.isArray(credentials)) return undefined
  const password = (credentials as KeycloakCredential[]).find((each) => each?.type === 'password')
  if (!password) return undefined
  const secret = readObject(password.secretData)
  const told = readObject(password.credentialData)
  const { value, salt } = secret ?? {}
  const { algorithm, hashIterations, additionalParameters } = told ?? {}
  if (typeof value !== 'string' || typeof salt !== 'string' || typeof algorithm !== 'string') return null
  if (typeof hashIterations !== 'number') return null
  const name = PBKDF2[algorithm]
  if (name !== undefined) return `$${name}$i=${hashIterations}$${unpadded(salt)}$${unpadded(value)}`
  return algorithm === 'argon2' ? argon2(hashIterations, additionalParameters, salt, value) : null
}

/** Its parameters are lists of one text each: `{"memory": ["7168"], "parallelism": ["1"], "type": ["id"], "version": ["1.3"]}`. */
function argon2(time: number, parameters: unknown, salt: string, value: string): string | null {
  const first = (name: string) => {
    const list = (parameters as Record<string, unknown> | undefined)?.[name]
    return Array.isArray(list) ? String(list[0]) : undefined
  }
  // Keycloak writes 1.3 for what is version 19 in argon2's own form.
  if (first('version') !== '1.3') return null
  const form = `m=${first('memory')},t=${time},p=${first('parallelism')}`
  return `$argon2${first('type')}$v=19$${form}$${unpadded(salt)}$${unpadded(value)}`
}

function readObject(text: unknown): Record<string, unknown> | undefined {
  // Keycloak's exports have texts here; some tools unpack them.
  if (typeof text === 'object' && text !== null) return text as Record<string, unknown>
  if (typeof text !== 'string') return undefined
  try {
    const read: unknown = JSON.parse(text)
    return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function unpadded(base64: string): string {
  return base64.replace(/=+$/, '')
}
