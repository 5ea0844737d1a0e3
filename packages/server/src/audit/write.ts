import { randomBytes } from 'node:crypto'
import { v7 as uuid } from 'uuid'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { insertsMany } from '../db/insert-many.ts'
import { actorReference, type Doer } from './actor.ts'
import { type Act, personalHash } from './entry.ts'
import { markTouched } from './touched.ts'

export type Happened = {
  act: Act
  target: { kind: string; id: string }
  companyId?: string | undefined
  applicationId?: string | undefined
  /** What was before and after, or whatever else tells what happened: no secret, nothing of a person, no free text. */
  data?: object
  /** What of it is a person's: kept where it can be erased, found by whose it is. */
  personal?: { subject: string; data: object }
}

/**
 * Writes down what happened, in the transaction in which it happens, and marks what that touched. Its place in the chain comes later
 * (jobs/seal.ts), and whoever is to be told of it is found later (jobs/announce.ts).
 */
export async function audit(ctx: Pick<Context, 'now'>, tx: Tx, by: Doer, happened: Happened): Promise<void> {
  await auditMany(ctx, tx, by, [happened])
}

/** The same of much that happens in one transaction, in its order. */
export async function auditMany(ctx: Pick<Context, 'now'>, tx: Tx, by: Doer, all: readonly Happened[]): Promise<void> {
  if (all.length === 0) return
  // For all at once: asking for a few bytes costs as much as asking for thousands.
  const salts = randomBytes(2 * SALT * all.length)
  const rows = all.map((happened, at) => rowsOf(by, happened, ctx.now(), salts.subarray(2 * SALT * at)))
  await insertEntries(
    tx,
    rows.map(({ entry }) => entry),
  )
  await insertPersonal(
    tx,
    rows.flatMap(({ parts }) => parts),
  )
  await markTouched(tx, ctx.now(), all)
}

type Rows = ReturnType<typeof rowsOf>
const insertEntries = insertsMany((db, rows: readonly Rows['entry'][]) => db.insertInto('audit_entries').values(rows))
const insertPersonal = insertsMany((db, rows: readonly Rows['parts'][number][]) =>
  db.insertInto('audit_personal').values(rows),
)

const SALT = 16

/** `salts`: two of them, and maybe others' behind. */
function rowsOf({ actor, behindId, source, requestId }: Doer, happened: Happened, at: number, salts: Buffer) {
  const id = uuid()
  const [first, second] = [salts.subarray(0, SALT), salts.subarray(SALT, 2 * SALT)]
  const about = happened.personal && part(id, happened.personal.subject, happened.personal.data, first)
  // The actor's own, whoever it was done to: it goes with the actor.
  const from = source === null ? undefined : part(id, actor.userId ?? actorReference(actor), { source }, second)
  const entry = {
    id,
    at,
    act: happened.act,
    actor_kind: actor.kind,
    actor_id: actor.id,
    behind_id: behindId ?? null,
    target_kind: happened.target.kind,
    target_id: happened.target.id,
    company_id: happened.companyId ?? null,
    application_id: happened.applicationId ?? null,
    request_id: requestId,
    data: JSON.stringify(happened.data ?? {}),
    personal_hash: about?.hash ?? null,
    source_hash: from?.hash ?? null,
    seq: null,
    mac: null,
    key_id: null,
  }
  const parts = [about && { ...about.row, part: 'about' as const }, from && { ...from.row, part: 'source' as const }]
  return { entry, parts: parts.filter((each) => each !== undefined) }
}

function part(entryId: string, subject: string, told: object, bytes: Buffer) {
  const salt = bytes.toString('base64url')
  const data = JSON.stringify(told)
  return { hash: personalHash(entryId, salt, data), row: { entry_id: entryId, subject_id: subject, salt, data } }
}

/** What is a person's in all entries, for good. The chain holds: it has no more than hashes of it. */
export async function erasePersonal(tx: Tx, subjectId: string): Promise<void> {
  await tx.deleteFrom('audit_personal').where('subject_id', '=', subjectId).execute()
}
