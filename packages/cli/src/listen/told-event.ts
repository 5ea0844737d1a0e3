import type { WebhookEvent } from 'cloudspot-license-api/webhooks'

/** An event as the server tells it. */
export type ToldEvent = { id: string; type: string; timestamp: string; data: unknown }

/** In the order that the server writes it in. A type that our client does not know is the server's own again. */
export function asTold(event: WebhookEvent): ToldEvent {
  const { id, timestamp, data } = event
  return { id, type: event.type === 'unknown' ? event.unknownType : event.type, timestamp, data }
}

/** What may be in an event, whatever its type: one that is newer than this program is told as far as it is alike. */
type Data = {
  user?: { email?: unknown; active?: unknown }
  company?: { name?: unknown; active?: unknown }
  license?: { state?: unknown; suspended?: unknown }
  permissions?: unknown
  added?: unknown
  removed?: unknown
}

/** So many of what came and went are named. */
const NAMED = 4

/** Whom it concerns, and what is new: `bert@acme.example, ACME: +create_invoice`. */
export function about({ data }: ToldEvent): string {
  const { user, company, license, ...rights } = data as Data // The client takes nothing but an object; its fields are looked at.
  const whom = [user?.email, company?.name].filter((each) => typeof each === 'string').join(', ')
  const what = [
    ...(user?.active === false || company?.active === false ? ['switched off'] : []),
    ...(typeof license?.state === 'string' ? [license.state.replaceAll('_', ' ')] : []),
    ...(license?.suspended === true ? ['suspended'] : []),
    ...(Array.isArray(rights.permissions) ? [rightsOf(rights)] : []),
  ].join(', ')
  return [whom, what].filter((each) => each !== '').join(': ')
}

function rightsOf({ permissions, added, removed }: Data): string {
  const all = listOf(permissions)
  if (all.length === 0) return 'may come in no more'
  const changed = [...listOf(added).map((slug) => `+${slug}`), ...listOf(removed).map((slug) => `-${slug}`)]
  if (changed.length === 0) return `${all.length} permissions`
  const more = changed.length - NAMED
  return [...changed.slice(0, NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join(' ')
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
