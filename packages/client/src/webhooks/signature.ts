/** One of {@link https://www.standardwebhooks.com Standard Webhooks 1.0}, without its `v1,`: HMAC-SHA256 over `id.timestamp.body`, in base64. */
export async function signatureOf(key: CryptoKey, id: string, timestamp: string, body: Uint8Array): Promise<string> {
  const head = new TextEncoder().encode(`${id}.${timestamp}.`)
  const signed = new Uint8Array(head.length + body.length)
  signed.set(head)
  signed.set(body, head.length)
  const code = await crypto.subtle.sign('HMAC', key, signed)
  return btoa(String.fromCharCode(...new Uint8Array(code)))
}

/** In a time that tells nothing of where they differ. As texts: two texts of base64 can mean the same bytes. */
export function isSame(one: string, other: string): boolean {
  if (one.length !== other.length) return false
  let differs = 0
  for (let at = 0; at < one.length; at++) differs |= one.charCodeAt(at) ^ other.charCodeAt(at)
  return differs === 0
}

/** @throws TypeError for what was parsed already: what was signed is the text as it came. */
export function bytesOf(body: string | Uint8Array | ArrayBuffer): Uint8Array {
  if (typeof body === 'string') return new TextEncoder().encode(body)
  if (body instanceof Uint8Array) return body
  if (body instanceof ArrayBuffer) return new Uint8Array(body)
  throw new TypeError('The body must be the raw one, a string or bytes, as it came and before it was parsed.')
}

/** Without a full stop, which parts what is signed. */
export const EVENT_ID: RegExp = /^[A-Za-z0-9_-]{1,100}$/
