import type { Refusal } from '../domain/effective.ts'
import { byCodePoint, ROOT, SUPERUSER } from '../domain/tree.ts'
import type { Told } from './explain-facts.ts'

/** A call of the admin API, from below `/api/v1/admin`. */
export type Call = { method: 'POST' | 'PUT' | 'PATCH'; path: string; body: Record<string, unknown> }

/** The calls that would make a permission effective, in their order; none where it is. */
export function mendingCalls({ situation, explanation }: Told): Call[] {
  if (explanation.allowed) return []
  const refusals = explanation.links.flatMap(({ refusal }) => refusal ?? [])
  return [...refusals, ...laterRefusals(situation, explanation)].map((refusal) =>
    mendingCall(refusal, situation, explanation.slug),
  )
}

/** What would still be missing when all links held. A license that is new includes all but `is_superuser`. */
function laterRefusals({ license }: Told['situation'], { slug, paths, isIncluded }: Told['explanation']): Refusal[] {
  if (slug === ROOT) return []
  const isGranted = paths.some(({ phase }) => phase === 'in_force')
  const willBeIncluded = isIncluded || (license === null && slug !== SUPERUSER)
  return [...(isGranted ? [] : ['not_granted' as const]), ...(willBeIncluded ? [] : ['not_included' as const])]
}

function mendingCall(refusal: Refusal, situation: Told['situation'], slug: string): Call {
  const { who, company, application } = situation
  const ofCompany = `/companies/${company.id}`
  const member = `${ofCompany}/members/${who.id}`
  const license = `${ofCompany}/licenses/${application.id}`
  const seat = `${ofCompany}/seats/${application.id}/${who.id}`
  switch (refusal) {
    case 'application_off':
      return { method: 'PATCH', path: `/applications/${application.id}`, body: { active: true } }
    case 'user_off':
      return { method: 'PATCH', path: `/users/${who.id}`, body: { active: true } }
    case 'company_off':
      return { method: 'PATCH', path: ofCompany, body: { active: true } }
    case 'not_a_member':
      return { method: 'POST', path: `${ofCompany}/members`, body: { user: who.id } }
    case 'membership_off':
      return { method: 'PATCH', path: member, body: { active: true } }
    case 'no_license':
      return { method: 'POST', path: `${ofCompany}/licenses`, body: { application: application.id } }
    case 'license_suspended':
      return { method: 'PATCH', path: license, body: { suspended: false } }
    case 'license_scheduled':
      return { method: 'PATCH', path: license, body: { from: null } }
    case 'license_ended':
      return { method: 'PATCH', path: license, body: { until: null } }
    case 'no_seat':
      return { method: 'PUT', path: seat, body: {} }
    case 'seat_not_started':
      return { method: 'PUT', path: seat, body: { starts_at: null } }
    case 'seat_ended':
      return { method: 'PUT', path: seat, body: { ends_at: null } }
    case 'not_granted':
      return { method: 'POST', path: `${member}/grants`, body: { application: application.id, permission: slug } }
    case 'not_included':
      return { method: 'PATCH', path: license, body: { permissions: withSlug(situation, slug) } }
  }
}

/** What the license names, and this one; of one for all, `is_superuser` is what must be named beside all others. */
function withSlug({ license, application: { tree } }: Told['situation'], slug: string): string[] {
  const includes = license?.includes ?? 'all'
  const slugOf = new Map([...tree.rankById].map(([id, rank]) => [id, tree.slugs[rank] ?? '']))
  const named =
    includes === 'all'
      ? tree.slugs.filter((each) => each !== SUPERUSER)
      : includes.named.map((id) => slugOf.get(id) ?? '')
  return [...new Set([...named, slug])].sort(byCodePoint)
}
