// How deliveries of events are tried again, and what an answer to one means. Pure: the moment and the chance are handed in.

export const ENDPOINT_DIALECTS = ['standard', 'django'] as const
export type EndpointDialect = (typeof ENDPOINT_DIALECTS)[number]

/** `waiting` for its turn or its next try; `superseded` by a newer one about the same. */
export const DELIVERY_STATES = ['waiting', 'delivered', 'failed', 'superseded'] as const
export type DeliveryState = (typeof DELIVERY_STATES)[number]

/** Why we switched an endpoint off: it said 410, nothing arrived for days, or its secret went with the key ring. */
export type DisabledBecause = 'gone' | 'failing' | 'secret_lost'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How long one delivery is tried, and how long an endpoint may fail until it is switched off. */
export const TRIED_FOR_MS = 5 * DAY
/** What a receiver may ask us to wait at most. */
const MOST_ASKED_MS = DAY

const WAITS = [
  5 * SECOND,
  15 * SECOND,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  6 * HOUR,
]
/** So many are spread over time that failed at once. */
const JITTER = 0.3

/**
 * How long to wait after so many tries that failed, in milliseconds. `chance` is from 0 to 1; `asked` what the receiver wants us to wait. It only
 * ever grows by these, so that a receiver is never called more often than the steps say.
 */
export function waitAfter(tries: number, chance: number, asked = 0): number {
  const step = WAITS[Math.min(Math.max(tries, 1), WAITS.length) - 1] ?? 0
  return Math.max(Math.round(step * (1 + JITTER * chance)), Math.min(asked, MOST_ASKED_MS))
}

/** Retry-After: whole seconds or a date (RFC 9110, 10.2.3), as milliseconds from now; 0 where there is none. */
export function readRetryAfter(header: string | undefined, now: number): number {
  const given = header?.trim() ?? ''
  if (/^\d{1,9}$/.test(given)) return Number(given) * SECOND
  const at = /[A-Za-z]{3}/.test(given) ? Date.parse(given) : Number.NaN
  return Number.isNaN(at) ? 0 : Math.max(0, at - now)
}

/** How many are sent to an endpoint at once, and for how long it is left alone as a whole where it asks for that (429, 503). */
export const PACE = { first: 2, most: 20, mostAsked: 5 * MINUTE } as const

/** How long an endpoint is left alone after so many failures in a row, so that a dead one takes nobody's place. */
export function pauseAfter(failures: number): number {
  return failures < 3 ? 0 : Math.min(30 * SECOND, SECOND * 2 ** (failures - 3))
}

/** What an answer means for the delivery. */
export type Verdict = 'delivered' | 'again' | 'gone'

/** Standard Webhooks: 2xx is done, 410 wants no more, all else is tried again. */
export function judgeStandard(status: number): Verdict {
  if (status === 410) return 'gone'
  return status >= 200 && status < 300 ? 'delivered' : 'again'
}

/** docs/PROTOCOL.md: what the Django package does not know yet comes with the next sign-in, and what it has already is done. */
export function judgeDjango(status: number, body: string): Verdict {
  if (status === 410) return 'gone'
  if (status === 200) return 'delivered'
  const told = statusIn(body)
  const isFinal = (status === 404 && told === 'NOT_FOUND') || (status === 400 && told === 'OBJECT_EXISTS')
  return isFinal ? 'delivered' : 'again'
}

/** Whether the site knows nobody by that name. */
export function isUnknownThere(status: number, body: string): boolean {
  return status === 404 && statusIn(body) === 'NOT_FOUND'
}

function statusIn(body: string): unknown {
  try {
    const told: unknown = JSON.parse(body)
    return typeof told === 'object' && told !== null && 'status' in told ? told.status : undefined
  } catch {
    return undefined
  }
}
