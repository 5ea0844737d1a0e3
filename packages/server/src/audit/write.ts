import { randomBytes } from 'node:crypto'
import { v7 as uuid } from 'uuid'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { actorReference, type By } from './actor.ts'
import { type Act, personalHash } from './entry.ts'

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

/** Writes down what happened, in the transaction in which it happens. Its place in the chain comes later (jobs/seal.ts). */
export async function audit(ctx: Pick<Context, 'now'>, tx: Tx, by: By, happened: Happened): Promise<void> {
  const { actor, source } = by
  const id = uuid()
  const about = happened.personal && part(id, happened.personal.subject, happened.personal.data)
  // The actor's own, whoever it was done to: it goes with the actor.
  const from = source === null ? undefined : part(id, actor.userId ?? actorReference(actor), { source })
  await tx
    .insertInto('audit_entries')
    .values({
      id,
      at: ctx.now(),
      act: happened.act,
      actor_kind: actor.kind,
      actor_id: actor.id,
      behind_id: null,
      target_kind: happened.target.kind,
      target_id: happened.target.id,
      company_id: happened.companyId ?? null,
      application_id: happened.applicationId ?? null,
      request_id: by.requestId,
      data: JSON.stringify(happened.data ?? {}),
      personal_hash: about?.hash ?? null,
      source_hash: from?.hash ?? null,
      seq: null,
      mac: null,
      key_id: null,
    })
    .execute()
  for (const [name, each] of [
    ['about', about],
    ['source', from],
  ] as const)
    if (each)
      await tx
        .insertInto('audit_personal')
        .values({ ...each.row, part: name })
        .execute()
}

function part(entryId: string, subject: string, told: object) {
  const salt = randomBytes(16).toString('base64url')
  const data = JSON.stringify(told)
  return { hash: personalHash(entryId, salt, data), row: { entry_id: entryId, subject_id: subject, salt, data } }
}

/** What is a person's in all entries, for good. The chain holds: it has no more than hashes of it. */
export async function erasePersonal(tx: Tx, subjectId: string): Promise<void> {
  await tx.deleteFrom('audit_personal').where('subject_id', '=', subjectId).execute()
}
