import type { KnownEventType, WebhookEvent } from './events.ts'

const KNOWN: Readonly<Record<KnownEventType, true>> = {
  'permissions.updated': true,
  'user.created': true,
  'user.updated': true,
  'user.deleted': true,
  'company.updated': true,
  'license.updated': true,
  ping: true,
}

/** An event as it came; undefined when it is none. Of a type that this package does not know it is told as `unknown`. */
export function asEvent({ id, type, timestamp, data }: Record<string, unknown>): WebhookEvent | undefined {
  const isTold = typeof type === 'string' && typeof timestamp === 'string' && !Number.isNaN(Date.parse(timestamp))
  if (typeof id !== 'string' || !isTold || type === '' || !isObject(data)) return undefined
  if (!Object.hasOwn(KNOWN, type)) return { id, type: 'unknown', unknownType: type, timestamp, data }
  return { id, type, timestamp, data } as WebhookEvent // of the server, whose forms are these types
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
