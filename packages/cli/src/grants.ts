import type { Grant } from 'cloudspot-license-api/admin'
import { showInterval } from './output/when.ts'

/** What a grant gives: a slug, or a role by its key. */
export function nameOfGrant({ permission, role }: Pick<Grant, 'permission' | 'role'>): string {
  return permission ?? `role ${role?.key ?? ''}`
}

/** As one line: what, for how long, and why. */
export function grantLine(grant: Grant): string {
  const isBounded = grant.starts_at !== null || grant.ends_at !== null
  const bounds = isBounded ? `, ${showInterval(grant.starts_at, grant.ends_at)}` : ''
  const reason = grant.reason === '' ? '' : ` ("${grant.reason}")`
  const ended = grant.revoked_at === null ? '' : ', taken away'
  return `${nameOfGrant(grant)}${bounds}${reason}${ended}`
}
