import type { StoredEvent } from './event-store.ts'

/** The standard form of an event: what is sent to endpoints, too. */
export function eventText({
  id,
  type,
  createdAt,
  data,
}: Pick<StoredEvent, 'id' | 'type' | 'createdAt' | 'data'>): string {
  const head = JSON.stringify({ id, type, timestamp: new Date(createdAt).toISOString() })
  return `${head.slice(0, -1)},"data":${data}}`
}
