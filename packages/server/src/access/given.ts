import type { GrantFacts, GrantSource, LicenseFacts } from '../domain/facts.ts'
import { END_OF_TIME, START_OF_TIME } from '../domain/interval.ts'

/** What a seat's holder was given and what the license includes, in the texts that the query gathers. */
export type Given = {
  /** `<permission>[:<start>:<end>]`, divided by blanks: mostly without times. */
  permissions: string
  /** `<role>[:<start>:<end>]` */
  roles: string
  /** `<role>`, of those that the license gives to every seat. */
  licenseRoles: string
  /** `<permission>`, of those that the license includes; null for all. */
  included: string | null
}

/** What roles hold: row numbers of permissions by the role's. */
export type RolePermissions = ReadonlyMap<number, readonly number[]>

/** The roles that the texts name. */
export function rolesOf({ roles, licenseRoles }: Given): number[] {
  return [...listEntries(roles), ...listEntries(licenseRoles)].map(({ item }) => item)
}

/** The facts of it that the rule judges, with the way that each permission was given by. */
export function readGiven(
  given: Given,
  roles: RolePermissions,
): { grants: GrantFacts[]; license: Pick<LicenseFacts, 'includes'> } {
  const grants: GrantFacts[] = []
  const addRoles = (text: string, kind: Exclude<GrantSource['kind'], 'direct'>) => {
    for (const { item: role, startsAt, endsAt } of listEntries(text)) {
      const through = { kind, role }
      for (const permission of roles.get(role) ?? []) grants.push({ permission, through, startsAt, endsAt })
    }
  }
  for (const { item: permission, startsAt, endsAt } of listEntries(given.permissions))
    grants.push({ permission, through: DIRECT, startsAt, endsAt })
  addRoles(given.roles, 'role')
  addRoles(given.licenseRoles, 'license_role')
  const includes = given.included === null ? 'all' : { named: listEntries(given.included).map(({ item }) => item) }
  return { grants, license: { includes } }
}

const DIRECT = { kind: 'direct' } as const

type Entry = { item: number; startsAt: number; endsAt: number }

function listEntries(text: string): Entry[] {
  if (text === '') return []
  return text.split(' ').map((part) => {
    const [item, startsAt = START_OF_TIME, endsAt = END_OF_TIME] = part.split(':')
    return { item: Number(item), startsAt: Number(startsAt), endsAt: Number(endsAt) }
  })
}
