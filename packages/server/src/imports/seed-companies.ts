import { v7 as uuid } from 'uuid'
import { endCredentials } from '../credentials/ending.ts'
import { endBegunImpersonations } from '../credentials/impersonation-store.ts'
import { searchTerm } from '../domain/search-term.ts'
import type { CompanyEntry } from './house-schema.ts'
import { differences, type Seeding, toSwitch } from './seeding.ts'

export async function seedCompanies(seeding: Seeding, entries: readonly CompanyEntry[]): Promise<void> {
  for (const [index, entry] of entries.entries()) await seedCompany(seeding, `/companies/${index}`, entry)
  seeding.forgetCompanies()
}

async function seedCompany(seeding: Seeding, path: string, entry: CompanyEntry): Promise<void> {
  const { tx, now } = seeding
  const id = entry.id?.toLowerCase()
  if (id === undefined && entry.name === undefined) return seeding.fault(path, 'give its "name", or its "id"')
  const named =
    entry.name === undefined
      ? []
      : await tx.selectFrom('companies').selectAll().where('name', '=', entry.name).limit(2).execute()
  if (id === undefined && named.length > 1)
    return seeding.fault(path, `there is more than one company "${entry.name}": give its id`)
  const stored =
    id === undefined ? named[0] : await tx.selectFrom('companies').selectAll().where('id', '=', id).executeTakeFirst()
  const namesake = named.find((company) => company.id !== (stored?.id ?? id))
  if (namesake)
    return seeding.fault(`${path}/name`, `there is a company "${entry.name}" already, with the id ${namesake.id}`)
  const ownId = stored?.id ?? id ?? uuid()
  if (!seeding.isFirst(path, 'company', ownId)) return
  if (!stored) {
    if (entry.name === undefined) return seeding.fault(path, `no company has this id; to make it, give its "name"`)
    const row = {
      id: ownId,
      name: entry.name,
      term: searchTerm(entry.name),
      active: toSwitch(entry.active) ?? 1,
      allows_impersonation: toSwitch(entry.allows_impersonation) ?? 0,
      created_at: now,
      updated_at: now,
    }
    await tx.insertInto('companies').values(row).execute()
    seeding.counts.companies.added++
    return
  }
  const given = {
    name: entry.name,
    term: entry.name === undefined ? undefined : searchTerm(entry.name),
    active: toSwitch(entry.active),
    allows_impersonation: toSwitch(entry.allows_impersonation),
  }
  const changed = differences(stored, given)
  if (!changed) return
  await tx
    .updateTable('companies')
    .set({ ...changed, updated_at: now })
    .where('id', '=', stored.id)
    .execute()
  if (changed.active === 0) await endCredentials(tx, { companyId: stored.id }, now)
  if (changed.allows_impersonation === 0) await endBegunImpersonations(tx, { adminsOf: stored.id }, now)
  seeding.counts.companies.changed++
}
