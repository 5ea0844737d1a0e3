import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { CommandError } from '../errors.ts'

/** Keys of the house by id, in the order of the file. What must be readable again is sealed with the current one. */
export type KeyRing = { readonly keys: ReadonlyMap<string, Buffer>; readonly current: string }

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const ID = /^[A-Za-z0-9_-]{1,32}$/

/** Reads a ring: `{"current":"<id>","keys":{"<id>":"<32 bytes in base64>"}}`. @throws CommandError that says what is wrong, and nothing of the keys */
export function readKeyRing(json: string): KeyRing {
  const wrong = 'The key ring must be {"current":"<id>","keys":{"<id>":"<32 bytes in base64>"}}'
  let parsed: { current?: unknown; keys?: unknown }
  try {
    parsed = JSON.parse(json) as typeof parsed // Checked below.
  } catch {
    throw new CommandError(`${wrong}; it is no JSON.`)
  }
  const { current, keys } = parsed ?? {}
  if (typeof current !== 'string' || typeof keys !== 'object' || keys === null) throw new CommandError(`${wrong}.`)
  const ring = new Map<string, Buffer>()
  for (const [id, key] of Object.entries(keys)) {
    const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : Buffer.alloc(0)
    // What is no id is not repeated: somebody may have written the key there.
    if (!ID.test(id)) throw new CommandError(`${wrong}; an id is 1 to 32 letters, digits, underscores or dashes.`)
    if (bytes.length !== KEY_BYTES) throw new CommandError(`${wrong}; the key "${id}" is not.`)
    ring.set(id, bytes)
  }
  if (!ring.has(current)) throw new CommandError(`${wrong}; the current id is not among its keys.`)
  return { keys: ring, current }
}

/** The ring with its keys, for where it is kept. Whoever reads this can open all that is sealed. */
export function writeKeyRing({ keys, current }: KeyRing): { current: string; keys: Record<string, string> } {
  return { current, keys: Object.fromEntries([...keys].map(([id, key]) => [id, key.toString('base64')])) }
}

export function newKeyRing(): KeyRing {
  const id = newKeyId()
  return { current: id, keys: new Map([[id, randomBytes(KEY_BYTES)]]) }
}

/** The ring with one more key at its end, which is not the current one. */
export function withNewKey(ring: KeyRing): { ring: KeyRing; id: string } {
  const id = newKeyId()
  return { id, ring: { current: ring.current, keys: new Map([...ring.keys, [id, randomBytes(KEY_BYTES)]]) } }
}

// Begins with a letter: JSON puts names that are whole numbers before all others, and the first key shall stay the first.
function newKeyId(): string {
  return `k${randomBytes(4).toString('hex')}`
}

/** Seals a text for one purpose: `<key id>.<nonce, tag and ciphertext in base64url>`. */
export function seal(ring: KeyRing, purpose: string, text: string): string {
  const key = ring.keys.get(ring.current)
  if (!key) throw new Error('the current key is not in the ring')
  const nonce = randomBytes(12)
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(purpose))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return `${ring.current}.${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`
}

/** The id of the key that sealed it; undefined for what was never sealed. */
export function keyIdOf(sealed: string): string | undefined {
  const [id = ''] = sealed.split('.')
  return ID.test(id) ? id : undefined
}

/** Opens what was sealed for the same purpose; undefined when the ring has not the key, or the text was changed. */
export function open(ring: KeyRing, purpose: string, sealed: string): string | undefined {
  const [id = '', body = ''] = sealed.split('.')
  const key = ring.keys.get(id)
  const bytes = Buffer.from(body, 'base64url')
  if (!key || bytes.length < 28) return undefined
  try {
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, 12)).setAAD(Buffer.from(purpose))
    decipher.setAuthTag(bytes.subarray(12, 28))
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}
