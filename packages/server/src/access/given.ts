import type { GrantFacts, GrantSource, LicenseFacts } from '../domain/facts.ts'
import { END_OF_TIME, type Interval, START_OF_TIME } from '../domain/interval.ts'

/** What a seat's holder was given and what the license includes, in the texts that the query gathers. */
export type Given = {
  /** `<item>[:<start>:<end>]`, divided by blanks, mostly without times: a permission, or a role as a negative number. */
  grants: string
  /** `<role>`, of those that the license gives to every seat. */
  licenseRoles: string
  /** `<permission>`, of those that the license includes; null for all. */
  included: string | null
}

/** What roles hold: row numbers of permissions by the role's. */
export type RolePermissions = ReadonlyMap<number, readonly number[]>

/** The roles that the texts name. */
export function rolesOf({ grants, licenseRoles }: Given): number[] {
  const granted = listEntries(grants).flatMap(({ item }) => (item < 0 ? -item : []))
  return [...granted, ...listEntries(licenseRoles).map(({ item }) => item)]
}

/** The facts of it that the rule judges, with the way that each permission was given by. */
export function readGiven(
  given: Given,
  roles: RolePermissions,
): { grants: GrantFacts[]; license: Pick<LicenseFacts, 'includes'> } {
  const grants: GrantFacts[] = []
  const addRole = (through: Exclude<GrantSource, { kind: 'direct' }>, interval: Interval) => {
    for (const permission of roles.get(through.role) ?? []) grants.push({ permission, through, ...interval })
  }
  for (const { item, ...interval } of listEntries(given.grants)) {
    if (item < 0) addRole({ kind: 'role', role: -item }, interval)
    else grants.push({ permission: item, through: DIRECT, ...interval })
  }
  for (const { item, ...interval } of listEntries(given.licenseRoles))
    addRole({ kind: 'license_role', role: item }, interval)
  const includes = given.included === null ? 'all' : { named: listEntries(given.included).map(({ item }) => item) }
  return { grants, license: { includes } }
}

const DIRECT = { kind: 'direct' } as const

type Entry = Interval & { item: number }

function listEntries(text: string): Entry[] {
  if (text === '') return []
  return text.split(' ').map((part) => {
    const [item, startsAt = START_OF_TIME, endsAt = END_OF_TIME] = part.split(':')
    return { item: Number(item), startsAt: Number(startsAt), endsAt: Number(endsAt) }
  })
}
