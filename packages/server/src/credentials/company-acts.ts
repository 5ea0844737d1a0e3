import { sql } from 'kysely'
import { v7 as uuid } from 'uuid'
import { actInTransaction, type By } from '../audit/actor.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import {
  findCompany,
  insertCompany,
  isCompanyName,
  lockCompany,
  type StoredCompany,
  updateCompany,
} from '../directory/company-store.ts'
import { AppError } from '../errors.ts'
import { endCredentials } from './ending.ts'
import { endBegunImpersonations } from './impersonation-store.ts'

export type NewCompany = { id?: string | undefined; name: string; isActive: boolean; allowsImpersonation: boolean }

/** @throws AppError `already_there`, `id_taken` */
export async function createCompany(ctx: Context, by: By, wanted: NewCompany): Promise<StoredCompany> {
  return actInTransaction(ctx, by, (tx) => createCompanyIn(ctx, tx, by, wanted))
}

/** The same, in a transaction that does more. */
export async function createCompanyIn(ctx: Context, tx: Tx, by: By, wanted: NewCompany): Promise<StoredCompany> {
  const { name, isActive, allowsImpersonation } = wanted
  const id = wanted.id ?? uuid()
  await holdCompanyNames(ctx, tx)
  if (await isCompanyName(tx, name)) throw nameTaken(name)
  if (await findCompany(tx, id)) throw new AppError('id_taken', { detail: 'There is a company with this id.' })
  await insertCompany(tx, { id, name, isActive, allowsImpersonation, now: ctx.now() })
  await audit(ctx, tx, by, {
    act: 'company.created',
    target: { kind: 'company', id },
    companyId: id,
    data: { name, active: isActive, allows_impersonation: allowsImpersonation },
  })
  return requireCompany(await findCompany(tx, id))
}

/** Changes the fields that are given. What was begun by what is switched off ends. @throws AppError `not_found`, `already_there` */
export async function changeCompany(
  ctx: Context,
  by: By,
  id: string,
  changes: { name?: string | undefined; isActive?: boolean | undefined; allowsImpersonation?: boolean | undefined },
): Promise<StoredCompany> {
  return actInTransaction(ctx, by, async (tx) => {
    await holdCompanyNames(ctx, tx)
    const stored = requireCompany(await lockCompany(tx, ctx.db.kind, id))
    const { name = stored.name, isActive = stored.isActive } = changes
    const { allowsImpersonation = stored.allowsImpersonation } = changes
    const [before, after] = [told(stored), told({ name, isActive, allowsImpersonation })]
    if (JSON.stringify(before) === JSON.stringify(after)) return stored
    if (name !== stored.name && (await isCompanyName(tx, name))) throw nameTaken(name)
    const now = ctx.now()
    await updateCompany(tx, id, { name, isActive, allowsImpersonation, now })
    if (stored.isActive && !isActive) await endCredentials(tx, { companyId: id }, now)
    if (stored.allowsImpersonation && !allowsImpersonation) await endBegunImpersonations(tx, { adminsOf: id }, now)
    await audit(ctx, tx, by, {
      act: 'company.changed',
      target: { kind: 'company', id },
      companyId: id,
      data: { before, after },
    })
    return requireCompany(await findCompany(tx, id))
  })
}

function told({
  name,
  isActive,
  allowsImpersonation,
}: Pick<StoredCompany, 'name' | 'isActive' | 'allowsImpersonation'>) {
  return { name, active: isActive, allows_impersonation: allowsImpersonation }
}

/** Any number of ours. No constraint holds names apart: houses of before may have two of one. */
const NAMES_LOCK = 7_313_004

/** One act at a time makes or names companies, until its transaction ends. */
export async function holdCompanyNames(ctx: Context, tx: Tx): Promise<void> {
  if (ctx.db.kind === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(NAMES_LOCK)})`.execute(tx)
}

function nameTaken(name: string): AppError {
  return new AppError('already_there', { detail: `There is a company called "${name}" already.` })
}

function requireCompany(company: StoredCompany | undefined): StoredCompany {
  if (company) return company
  throw new AppError('not_found', { detail: 'There is no such company.' })
}
