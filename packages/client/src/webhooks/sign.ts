import { importSecrets } from './secrets.ts'
import { bytesOf, EVENT_ID, signatureOf } from './signature.ts'

export interface SignOptions {
  /** The event's: 1 to 100 letters, digits, `_` and `-`. */
  id: string
  /** When it is sent, in milliseconds since 1970; now, unless told. */
  now?: number | undefined
}

export interface SignedHeaders {
  'webhook-id': string
  'webhook-timestamp': string
  'webhook-signature': string
}

/**
 * Gives the headers of a webhook as the License server sends them, to try your own receiver: one signature for each secret.
 *
 * @throws TypeError when body, id or secret can't be such
 *
 * @example
 * ```ts
 * import { signWebhook } from 'cloudspot-license-api/webhooks'
 *
 * const id = crypto.randomUUID()
 * const body = JSON.stringify({ id, type: 'ping', timestamp: new Date().toISOString(), data: { application: 'crm' } })
 * const headers = await signWebhook(body, { id }, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
 * await fetch('http://localhost:3000/license-events', { method: 'POST', headers: { ...headers }, body })
 * ```
 */
export async function signWebhook(
  rawBody: string | Uint8Array | ArrayBuffer,
  { id, now = Date.now() }: SignOptions,
  secrets: string | readonly string[],
): Promise<SignedHeaders> {
  if (typeof id !== 'string' || !EVENT_ID.test(id)) {
    throw new TypeError('id must be 1 to 100 letters, digits, _ and -.')
  }
  if (!Number.isFinite(now) || now < 0) throw new TypeError('now must be milliseconds since 1970.')
  const timestamp = String(Math.floor(now / 1000))
  const body = bytesOf(rawBody)
  const keys = await importSecrets(secrets)
  const signatures = await Promise.all(keys.map((key) => signatureOf(key, id, timestamp, body)))
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.map((signature) => `v1,${signature}`).join(' '),
  }
}
