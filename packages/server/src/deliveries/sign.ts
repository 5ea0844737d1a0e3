import { createHmac } from 'node:crypto'

const PREFIX = 'whsec_'

export type SignedHeaders = { 'webhook-id': string; 'webhook-timestamp': string; 'webhook-signature': string }

/** Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, one signature for each secret. `now` in milliseconds. */
export function signMessage(
  { id, body }: { id: string; body: string },
  secrets: readonly string[],
  now: number,
): SignedHeaders {
  const timestamp = String(Math.floor(now / 1000))
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
