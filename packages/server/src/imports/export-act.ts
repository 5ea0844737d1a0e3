import type { Readable } from 'node:stream'
import { actInTransaction, type By } from '../audit/actor.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { giftRefusal } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import { exportStream } from './export-stream.ts'
import { fileKey } from './house-file.ts'

/** Begins to tell all of the house, password hashes among it. @throws AppError `scope_missing`, `database_unavailable` */
export async function exportHouse(ctx: Context, by: By): Promise<Readable> {
  // Whoever has all of it could make an operator of it elsewhere.
  if (giftRefusal(by.actor, { kind: 'operator' }))
    throw new AppError('scope_missing', { detail: 'This tells all of the house: the key needs the scope "*".' })
  const key = fileKey(ctx.keys)
  if (!key) throw new Error('the current key is not in the ring')
  await actInTransaction(ctx, by, (tx) =>
    audit(ctx, tx, by, { act: 'house.exported', target: { kind: 'house', id: 'house' } }),
  )
  return exportStream({ address: ctx.config.database, madeAt: ctx.now(), key })
}
