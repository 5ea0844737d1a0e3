import type { SealedKind } from './sealed.ts'

/** For what the last token of a user in an application is sealed. */
export function lastTokenPurpose({ userId, applicationId }: { userId: string; applicationId: string }): string {
  return `last token ${userId} ${applicationId}`
}

export const lastTokens: SealedKind = {
  name: 'last token for a Django site before 6.2',
  costs: 'Such a site is not told of changes for that user until the next sign-in.',
  async list(db, after, limit) {
    const rows = await db
      .selectFrom('last_tokens')
      .select(['id', 'user_id', 'application_id', 'sealed'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map((row) => ({
      row: row.id,
      purpose: lastTokenPurpose({ userId: row.user_id, applicationId: row.application_id }),
      sealed: row.sealed,
    }))
  },
  async replace(tx, old, sealed) {
    const replaced = await tx
      .updateTable('last_tokens')
      .set({ sealed })
      .where('id', '=', old.row)
      .where('sealed', '=', old.sealed)
      .executeTakeFirst()
    return replaced.numUpdatedRows === 1n
  },
  async forget(tx, lost) {
    await tx.deleteFrom('last_tokens').where('id', '=', lost.row).execute()
  },
}
