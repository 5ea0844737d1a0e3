import type { Db } from '../db/database.ts'
import type { Power } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import { findApplication, type StoredApplication } from './application-store.ts'
import { findCompany, type StoredCompany } from './company-store.ts'
import { findMembership, type Membership } from './membership-store.ts'
import { findUser, type StoredUser } from './user-store.ts'

// What is another company's reads exactly like what is not there at all.

/** @throws AppError `not_found` */
export async function requireCompany(db: Db, power: Power, id: string): Promise<StoredCompany> {
  const isOwn = power.kind !== 'company' || power.companyId === id.toLowerCase()
  const company = isOwn ? await findCompany(db, id.toLowerCase()) : undefined
  if (company) return company
  throw new AppError('not_found', { detail: 'There is no such company.' })
}

/** @throws AppError `not_found` */
export async function requireUser(db: Db, power: Power, id: string): Promise<StoredUser> {
  const user = await findUser(db, id.toLowerCase())
  if (user && (await isVisible(db, power, user))) return user
  throw new AppError('not_found', { detail: 'There is no such user.' })
}

async function isVisible(db: Db, power: Power, user: StoredUser): Promise<boolean> {
  if (power.kind !== 'company') return true
  return user.managedBy === power.companyId || (await findMembership(db, user.id, power.companyId)) !== undefined
}

/** @throws AppError `not_found` */
export async function requireMember(db: Db, companyId: string, userId: string): Promise<Membership> {
  const member = await findMembership(db, userId.toLowerCase(), companyId)
  if (member) return member
  throw new AppError('not_found', { detail: 'There is no such member of this company.' })
}

/** An application is told of itself, all others of each. @throws AppError `not_found` */
export async function requireApplicationKnown(db: Db, power: Power, id: string): Promise<StoredApplication> {
  const isOwn = power.kind !== 'application' || power.applicationId === id
  const application = isOwn ? await findApplication(db, id) : undefined
  if (application) return application
  throw new AppError('not_found', { detail: 'There is no such application.' })
}
