import { v7 as uuid } from 'uuid'
import { actInTransaction, actorReference, type By } from '../audit/actor.ts'
import { giftRefused } from '../audit/refused.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { requireCompany } from '../directory/visible.ts'
import { giftRefusal } from '../domain/power.ts'
import { AppError, wrong } from '../errors.ts'
import type { ImportRow } from './import-row.ts'
import { findImport, findUnfinished, insertImport, noteOutcomes, type StoredImport, takeRows } from './import-store.ts'
import { judgeRows, type Outcome } from './judge-rows.ts'
import { storeRows } from './store-rows.ts'

export type ImportOptions = {
  /** Whose own the new users are; null: the house's. */
  managedBy: string | null
  /** What the new users become members of. */
  companyId: string | null
  /** Whether addresses of deleted users are given to new ones. */
  takesUpDeleted: boolean
}

export type WantedImport = { name: string; digest: string; total: number; options: ImportOptions }

/** Of one row, by its place in the file. */
export type RowReport = { row: number } & Outcome

/**
 * Begins to take in a file of users, or finds the same file with the same options where it ended.
 * @throws AppError `not_allowed`, `scope_missing`, `not_found`, `invalid_input`
 */
export async function startImport(ctx: Context, by: By, wanted: WantedImport): Promise<StoredImport> {
  requireGifts(by, wanted.options)
  for (const id of [wanted.options.managedBy, wanted.options.companyId])
    if (id !== null) await requireCompany(ctx.db.read, by.actor.power, id)
  const now = ctx.now()
  const { name, digest, total } = wanted
  const like = { kind: 'users', digest, options: JSON.stringify(wanted.options) } as const
  return actInTransaction(ctx, by, async (tx) => {
    const row: StoredImport = {
      id: uuid(),
      ...like,
      name,
      total,
      done: 0,
      created: 0,
      existing: 0,
      refused: 0,
      started_by: actorReference(by.actor),
      started_at: now,
      updated_at: now,
      finished_at: null,
    }
    if (!(await insertImport(tx, row))) {
      const known = await findUnfinished(tx, like)
      if (!known) throw new AppError('busy', { retryAfter: 1 }) // It was finished between the two.
      if (known.total === total) return known
      throw wrong('/body/total', `this file is under way with ${known.total} rows`)
    }
    await audit(ctx, tx, by, {
      act: 'import.started',
      target: { kind: 'import', id: row.id },
      data: { kind: row.kind, digest, total, options: wanted.options },
    })
    return row
  })
}

/**
 * Takes in the next rows of an import, all of them or none: each is stored, there already, or refused by itself.
 * @throws AppError `not_found`, `rows_out_of_order` with the place that is next, `not_allowed`
 */
export async function importRows(
  ctx: Context,
  by: By,
  id: string,
  { from, rows }: { from: number; rows: readonly ImportRow[] },
): Promise<{ stored: StoredImport; reports: RowReport[] }> {
  const result = await actInTransaction(ctx, by, async (tx) => {
    const isNext = await takeRows(tx, id, { from, count: rows.length })
    const found = await findImport(tx, id)
    if (!found) throw new AppError('not_found', { detail: 'There is no such import.' })
    if (!isNext) throw outOfOrder(found, from, rows.length)
    const options: ImportOptions = JSON.parse(found.options)
    // Whoever goes on may be another than who began.
    requireGifts(by, options)
    const now = ctx.now()
    const judged = await judgeRows(tx, ctx.keys, rows, { ...options, now })
    if (judged.some(({ ready }) => ready?.id !== undefined)) requireGift(by, { kind: 'house' })
    const { outcomes, isNewScheme } = await storeRows(ctx, tx, by, judged, { ...options, importId: id })
    const counts = countOutcomes(outcomes)
    const stored = await noteOutcomes(tx, id, counts, now)
    if (stored.finished_at !== null)
      await audit(ctx, tx, by, {
        act: 'import.finished',
        target: { kind: 'import', id },
        data: { total: stored.total, created: stored.created, existing: stored.existing, refused: stored.refused },
      })
    return { stored, reports: reportsOf(outcomes, from), isNewScheme }
  })
  // The next wrong password is to take as long as one of these would. Other processes look by themselves (jobs/learn-floor.ts).
  if (result.isNewScheme)
    await ctx.refusalFloor
      .learn(ctx.db.read)
      .catch((error) => ctx.log.warn({ err: error }, 'how long a refusal takes could not be measured'))
  return result
}

/** What would become of the rows now. Stores nothing. @throws AppError `not_allowed`, `scope_missing`, `not_found` */
export async function checkRows(
  ctx: Context,
  by: By,
  { from, rows, options }: { from: number; rows: readonly ImportRow[]; options: ImportOptions },
): Promise<RowReport[]> {
  requireGifts(by, options)
  for (const id of [options.managedBy, options.companyId])
    if (id !== null) await requireCompany(ctx.db.read, by.actor.power, id)
  const judged = await judgeRows(ctx.db.read, ctx.keys, rows, { ...options, now: ctx.now() })
  return reportsOf(
    judged.map(({ outcome }) => outcome),
    from,
  )
}

function reportsOf(outcomes: readonly Outcome[], from: number): RowReport[] {
  return outcomes.map((outcome, at) => ({ row: from + at, ...outcome }))
}

function countOutcomes(outcomes: readonly Outcome[]) {
  const counts = { created: 0, existing: 0, refused: 0 }
  for (const { outcome } of outcomes) counts[outcome]++
  return counts
}

/** What is given by the options is given as `createUser` gives it. */
function requireGifts(by: By, { managedBy, companyId, takesUpDeleted }: ImportOptions): void {
  if (managedBy !== null) requireGift(by, { kind: 'operator' })
  if (companyId !== null) requireGift(by, { kind: 'membership', companyId })
  if (takesUpDeleted) requireGift(by, { kind: 'house' })
}

function requireGift(by: By, gift: Parameters<typeof giftRefusal>[1]): void {
  const refusal = giftRefusal(by.actor, gift)
  if (refusal) throw giftRefused(refusal)
}

function outOfOrder({ done, total }: StoredImport, from: number, count: number): AppError {
  if (from === done && done < total)
    return wrong('/body/rows', `are ${count}, and ${total - done} of ${total} are left`)
  return new AppError('rows_out_of_order', {
    detail: done === total ? 'This import is finished.' : `The next row of this import is ${done}: go on there.`,
    faults: [{ path: '/body/from', message: `must be ${done}` }],
  })
}
