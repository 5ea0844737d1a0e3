const PREFIX = 'whsec_'
const MIN_BYTES = 24
const MAX_BYTES = 64
/** Two are in use while a secret is changed. */
const MAX_SECRETS = 10

/** @throws TypeError that repeats no secret */
export async function importSecrets(secrets: string | readonly string[]): Promise<CryptoKey[]> {
  const given: readonly unknown[] = Array.isArray(secrets) ? secrets : [secrets]
  if (given.length === 0 || given.length > MAX_SECRETS) {
    throw new TypeError(`secrets must be one secret or a list of 1 to ${MAX_SECRETS}.`)
  }
  return Promise.all(
    given.map((secret) =>
      crypto.subtle.importKey('raw', readSecret(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']),
    ),
  )
}

function readSecret(secret: unknown): Uint8Array<ArrayBuffer> {
  const encoded = typeof secret === 'string' && secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : ''
  const bytes = decodeBase64(encoded)
  if (bytes && bytes.length >= MIN_BYTES && bytes.length <= MAX_BYTES) return bytes
  throw new TypeError(
    `A secret must be ${PREFIX} followed by ${MIN_BYTES} to ${MAX_BYTES} bytes in base64, as the License server gave it.`,
  )
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
  } catch {
    return undefined
  }
}
