import { randomBytes } from 'node:crypto'
import type { Db } from '../db/database.ts'
import { seal } from './ring.ts'
import type { SealedKind } from './sealed.ts'

/** For what an endpoint's secret is sealed: the one of now, and the one that signs along for a while. */
export function purposeOf(column: 'secret' | 'secret_before', endpointId: string): string {
  return `webhook ${column} ${endpointId}`
}

/** `whsec_` and 32 random bytes in base64, as Standard Webhooks has it. */
export function newWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}

export const endpointSecrets: SealedKind = {
  name: 'secret of an endpoint',
  costs: 'Its receiver knows it, we do not: the endpoint is switched off. Give it a new secret, then switch it on.',
  list: (db, after, limit) => listSealed(db, 'secret', after, limit),
  replace: (tx, old, sealed) => replaceSealed(tx, 'secret', old, sealed),
  async forget(tx, { row }, ring) {
    // One that nobody knows, so that nothing is signed by what can't be opened.
    const secret = seal(ring, purposeOf('secret', row), newWebhookSecret())
    await tx
      .updateTable('endpoints')
      .set({ secret, active: 0, disabled_because: 'secret_lost' })
      .set((e) => ({ disabled_at: e.fn.coalesce('disabled_at', 'updated_at') }))
      .where('id', '=', row)
      .execute()
  },
}

export const endpointSecretsBefore: SealedKind = {
  name: 'secret of an endpoint that is on its way out',
  costs: 'Receivers that did not take the new one yet refuse what is sent.',
  list: (db, after, limit) => listSealed(db, 'secret_before', after, limit),
  replace: (tx, old, sealed) => replaceSealed(tx, 'secret_before', old, sealed),
  async forget(tx, { row }) {
    await tx.updateTable('endpoints').set({ secret_before: null, before_until: null }).where('id', '=', row).execute()
  },
}

async function listSealed(db: Db, column: 'secret' | 'secret_before', after: string, limit: number) {
  const rows = await db
    .selectFrom('endpoints')
    .select(['id', `${column} as sealed`])
    .where(column, 'is not', null)
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(({ id, sealed }) => ({ row: id, purpose: purposeOf(column, id), sealed: sealed ?? '' }))
}

async function replaceSealed(
  tx: Db,
  column: 'secret' | 'secret_before',
  old: { row: string; sealed: string },
  sealed: string,
): Promise<boolean> {
  const replaced = await tx
    .updateTable('endpoints')
    .set({ [column]: sealed })
    .where('id', '=', old.row)
    .where(column, '=', old.sealed)
    .executeTakeFirst()
  return replaced.numUpdatedRows === 1n
}
