import type { Db } from '../db/database.ts'
import { type EndpointRow, listAllEndpoints } from '../deliveries/endpoint-store.ts'
import { writeMoment } from '../domain/day.ts'
import { type Check, ok, some } from './doctor-check.ts'

/** More than anybody has. */
const MOST = 1_000

/** Where events go, what is off or fails, and where whoever knows the address could grant himself rights. */
export async function checkDeliveries(db: Db, zone: string): Promise<Check[]> {
  const endpoints = await listAllEndpoints(db, MOST)
  return [stateOf(endpoints, zone), ...signaturesOf(endpoints)]
}

function stateOf(endpoints: readonly EndpointRow[], zone: string): Check {
  if (endpoints.length === 0) return ok('events', 'they are sent nowhere.')
  const off = endpoints.filter(({ disabled_at }) => disabled_at !== null)
  const failing = endpoints.filter(({ active, failing_since }) => active === 1 && failing_since !== null)
  const count = endpoints.length === 1 ? 'one address' : `${endpoints.length} addresses`
  if (off.length + failing.length === 0) return ok('events', `they are sent to ${count}, and arrive.`)
  const says = [
    ...off.map((each) => `${nameOf(each)} was switched off on ${at(each.disabled_at, zone)} (${becauseOf(each)})`),
    ...failing.map((each) => `${nameOf(each)} takes nothing since ${at(each.failing_since, zone)}`),
  ]
  return {
    name: 'events',
    state: 'warning',
    says: `${some(says, '; ')}. Mend the receiver, then \`cloudspot-license endpoint ping\`, \`endpoint set … --active\` and \`delivery replay … --state failed\`.`,
  }
}

/** docs/PROTOCOL.md: the Django package looks at no signature. */
function signaturesOf(endpoints: readonly EndpointRow[]): Check[] {
  const sites = endpoints.filter(({ dialect, active }) => dialect === 'django' && active === 1)
  if (sites.length === 0) return []
  return [
    {
      name: 'Django sites',
      state: 'warning',
      says: `django-cloudspotlicense checks no signature itself: whoever reaches ${some(sites.map((each) => `${new URL(each.url).origin} (${each.application_id})`))} below the package's address can grant himself rights there. Have the site check it before (docs/webhooks.md), or let nobody but this server reach /webhook.`,
    },
  ]
}

function nameOf({ application_id, url, id }: EndpointRow): string {
  return `${new URL(url).origin} of ${application_id} (${id})`
}

function becauseOf({ disabled_because }: EndpointRow): string {
  if (disabled_because === 'gone') return 'it answered 410'
  return disabled_because === 'failing' ? 'nothing arrived for 5 days' : 'its secret went with the key ring'
}

function at(moment: number | null, zone: string): string {
  return writeMoment(moment ?? 0, zone)
}
