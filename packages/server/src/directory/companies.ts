import { sql } from 'kysely'
import { v7 as uuid } from 'uuid'
import { actInTransaction, type By } from '../audit/actor.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { AppError } from '../errors.ts'
import {
  findCompany,
  insertCompany,
  isCompanyName,
  lockCompany,
  type StoredCompany,
  updateCompany,
} from './company-store.ts'

/** @throws AppError `already_there`, `id_taken` */
export async function createCompany(
  ctx: Context,
  by: By,
  wanted: { id?: string | undefined; name: string; isActive: boolean },
): Promise<StoredCompany> {
  const id = wanted.id ?? uuid()
  return actInTransaction(ctx, by, async (tx) => {
    await oneAtATime(ctx, tx)
    if (await isCompanyName(tx, wanted.name)) throw nameTaken(wanted.name)
    if (await findCompany(tx, id)) throw new AppError('id_taken', { detail: 'There is a company with this id.' })
    await insertCompany(tx, { id, name: wanted.name, isActive: wanted.isActive, now: ctx.now() })
    await audit(ctx, tx, by, {
      act: 'company.created',
      target: { kind: 'company', id },
      companyId: id,
      data: { name: wanted.name, active: wanted.isActive },
    })
    return requireCompany(await findCompany(tx, id))
  })
}

/** @throws AppError `not_found`, `already_there` */
export async function changeCompany(
  ctx: Context,
  by: By,
  id: string,
  changes: { name?: string | undefined; isActive?: boolean | undefined },
): Promise<StoredCompany> {
  return actInTransaction(ctx, by, async (tx) => {
    await oneAtATime(ctx, tx)
    const stored = requireCompany(await lockCompany(tx, ctx.db.kind, id))
    const { name = stored.name, isActive = stored.isActive } = changes
    if (name === stored.name && isActive === stored.isActive) return stored
    if (name !== stored.name && (await isCompanyName(tx, name))) throw nameTaken(name)
    await updateCompany(tx, id, { name, isActive, now: ctx.now() })
    await audit(ctx, tx, by, {
      act: 'company.changed',
      target: { kind: 'company', id },
      companyId: id,
      data: { before: { name: stored.name, active: stored.isActive }, after: { name, active: isActive } },
    })
    return requireCompany(await findCompany(tx, id))
  })
}

/** Any number of ours. No constraint holds names apart: houses of before may have two of one. */
const NAMES_LOCK = 7_313_004

async function oneAtATime(ctx: Context, tx: Tx): Promise<void> {
  if (ctx.db.kind === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(NAMES_LOCK)})`.execute(tx)
}

function nameTaken(name: string): AppError {
  return new AppError('already_there', { detail: `There is a company called "${name}" already.` })
}

function requireCompany(company: StoredCompany | undefined): StoredCompany {
  if (company) return company
  throw new AppError('not_found', { detail: 'There is no such company.' })
}
