import type { Db, Tx } from '../db/database.ts'

export type Subject = 'user' | 'company' | 'license'
export type SubjectKey = { subject: Subject; subjectId: string; applicationId: string }
/** What was told last, as JSON, and under which version. */
export type Told = SubjectKey & { version: number; data: string }

/** Of these users or companies, in these applications. */
export async function listTold(
  db: Db,
  subject: Subject,
  ids: readonly string[],
  applicationIds: readonly string[],
): Promise<Told[]> {
  if (ids.length === 0 || applicationIds.length === 0) return []
  const rows = await db
    .selectFrom('told')
    .select(['subject', 'subject_id', 'application_id', 'version', 'data'])
    .where('subject', '=', subject)
    .where('subject_id', 'in', ids)
    .where('application_id', 'in', applicationIds)
    .execute()
  return rows.map((row) => ({
    subject: row.subject,
    subjectId: row.subject_id,
    applicationId: row.application_id,
    version: row.version,
    data: row.data,
  }))
}

const BATCH = 100

export async function setTold(
  tx: Tx,
  all: readonly Told[],
  { onlyNew = false }: { onlyNew?: boolean } = {},
): Promise<void> {
  for (let from = 0; from < all.length; from += BATCH) {
    const rows = all.slice(from, from + BATCH).map((each) => ({
      subject: each.subject,
      subject_id: each.subjectId,
      application_id: each.applicationId,
      version: each.version,
      data: each.data,
    }))
    await tx
      .insertInto('told')
      .values(rows)
      .onConflict((c) => {
        const there = c.columns(['subject', 'subject_id', 'application_id'])
        if (onlyNew) return there.doNothing()
        return there.doUpdateSet((e) => ({ version: e.ref('excluded.version'), data: e.ref('excluded.data') }))
      })
      .execute()
  }
}

/** A person's data goes with the person. */
export async function forgetToldUser(tx: Tx, userId: string, applicationId: string): Promise<void> {
  await tx
    .deleteFrom('told')
    .where('subject', '=', 'user')
    .where('subject_id', '=', userId)
    .where('application_id', '=', applicationId)
    .execute()
}
