import { refusal } from './error.ts'
import type { WebhookEvent } from './events.ts'
import { asEvent, isObject } from './read-event.ts'
import { importSecrets } from './secrets.ts'
import { bytesOf, EVENT_ID, isSame, signatureOf } from './signature.ts'

/** Those of a `Request`, or of Node's `request.headers`: names in any case, a value as text or as a list of one. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>

export interface VerifyOptions {
  /** Milliseconds since 1970; now, unless told. */
  now?: number | undefined
  /** How far the time of signing may be from `now`, before it or after; 300 unless told. */
  toleranceSeconds?: number | undefined
}

const TOLERANCE_SECONDS = 300
/** Unix seconds, in one spelling only. */
const TIMESTAMP = /^[1-9][0-9]{0,11}$/
/** `v1,…`, also several; those of other versions are passed over. */
const SIGNATURES = /^[a-z0-9]{1,8},[A-Za-z0-9+/=]{1,200}(?: [a-z0-9]{1,8},[A-Za-z0-9+/=]{1,200}){0,19}$/

/**
 * Checks that a webhook comes from your License server, just as it was sent and not long ago, and gives its event. Follows
 * {@link https://www.standardwebhooks.com Standard Webhooks 1.0}. Takes the raw body: what was parsed and written again is no longer what was
 * signed. While you change a secret, give both.
 *
 * @throws WebhookError `signature_missing`, `signature_wrong`, `timestamp_outside`, `malformed`
 * @throws TypeError when an argument can't be such: a parsed body, a secret that is none
 *
 * @example
 * ```ts
 * import { verifyWebhook, WebhookError } from 'cloudspot-license-api/webhooks'
 *
 * export async function POST(request: Request): Promise<Response> {
 *   try {
 *     const event = await verifyWebhook(await request.text(), request.headers, process.env.LICENSE_WEBHOOK_SECRET ?? '')
 *     if (event.type === 'permissions.updated') console.log(event.data.user.email, event.data.permissions)
 *     return new Response(null, { status: 204 })
 *   } catch (error) {
 *     if (!(error instanceof WebhookError)) throw error
 *     return Response.json({ code: error.code }, { status: 400 })
 *   }
 * }
 * ```
 */
export async function verifyWebhook(
  rawBody: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
  { now = Date.now(), toleranceSeconds = TOLERANCE_SECONDS }: VerifyOptions = {},
): Promise<WebhookEvent> {
  // Else every comparison with it is false, and any time would do.
  if (!Number.isFinite(now)) throw new TypeError('now must be milliseconds since 1970.')
  if (!Number.isFinite(toleranceSeconds) || toleranceSeconds < 0) {
    throw new TypeError('toleranceSeconds must be a number of seconds.')
  }
  const body = bytesOf(rawBody)
  const keys = await importSecrets(secrets)
  const id = readHeader(headers, 'webhook-id', EVENT_ID)
  const timestamp = readHeader(headers, 'webhook-timestamp', TIMESTAMP)
  const signatures = readHeader(headers, 'webhook-signature', SIGNATURES).split(' ')

  const expected = await Promise.all(keys.map((key) => signatureOf(key, id, timestamp, body)))
  const fits = signatures.flatMap((given) => expected.map((signature) => isSame(given, `v1,${signature}`)))
  if (!fits.includes(true)) {
    throw refusal(
      'signature_wrong',
      'No signature fits: the body is not as it was sent (take it raw, before it is parsed), or the secret is another.',
    )
  }
  // After the signature, so that it is the server's own time that is told.
  const ageSeconds = Math.round(now / 1000 - Number(timestamp))
  if (Math.abs(now / 1000 - Number(timestamp)) > toleranceSeconds) {
    const when = ageSeconds > 0 ? `${ageSeconds} seconds ago` : `${-ageSeconds} seconds ahead of this machine's clock`
    throw refusal('timestamp_outside', `It was signed ${when}; ${toleranceSeconds} are allowed.`)
  }
  return readEvent(body, id)
}

function readHeader(headers: WebhookHeaders, name: string, form: RegExp): string {
  const values = listValues(headers, name).filter((value) => value !== '')
  if (values.length === 0) throw refusal('signature_missing', `The header ${name} is missing.`)
  const [value] = values
  if (values.length === 1 && typeof value === 'string' && form.test(value)) return value
  throw refusal('malformed', `The header ${name} is not of its form.`)
}

function listValues(headers: WebhookHeaders, name: string): unknown[] {
  if (typeof headers !== 'object' || headers === null) throw new TypeError('headers must be those of the request.')
  if (typeof headers.get === 'function') return [headers.get(name) ?? ''].flat()
  return Object.entries(headers).flatMap(([each, value]) => (each.toLowerCase() === name ? (value ?? []) : []))
}

function readEvent(body: Uint8Array, id: string): WebhookEvent {
  const event = parse(body)
  if (!isObject(event)) throw refusal('malformed', 'The body is no event: it is not an object in JSON.')
  if (event.id !== id) throw refusal('malformed', "The body is no event of this header's webhook-id.")
  const read = asEvent(event)
  if (!read) throw refusal('malformed', 'The body is no event: type, timestamp or data are missing.')
  return read
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body))
  } catch {
    return undefined
  }
}
