import { randomBytes } from 'node:crypto'
import { v7 as uuid } from 'uuid'
import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import type { By } from './actor.ts'
import { type Act, personalHash } from './entry.ts'

export type Happened = {
  act: Act
  target: { kind: string; id: string }
  companyId?: string | undefined
  applicationId?: string | undefined
  /** What was before and after, or whatever else tells what happened: no secret, and nothing of a person. */
  data?: object
  /** What of it is a person's: kept where it can be erased, found by whose it is. */
  personal?: { subject: string; data: object }
}

/** Writes down what happened, in the transaction in which it happens. Its place in the chain comes later (jobs/seal.ts). */
export async function audit(ctx: Pick<Context, 'now'>, tx: Tx, by: By, happened: Happened): Promise<void> {
  const { actor } = by
  const id = uuid()
  const personal = personalPart(by, happened)
  const salt = randomBytes(16).toString('base64url')
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
      personal_hash: personal ? personalHash(id, salt, personal.data) : null,
      seq: null,
      mac: null,
      key_id: null,
    })
    .execute()
  if (personal)
    await tx
      .insertInto('audit_personal')
      .values({ entry_id: id, subject_id: personal.subject, salt, data: personal.data })
      .execute()
}

/** Where a request came from is somebody's too: the subject's when there is one, else the actor's. */
function personalPart({ actor, source }: By, { personal }: Happened): { subject: string; data: string } | undefined {
  if (!personal && source === null) return undefined
  const subject = personal?.subject ?? actor.userId ?? actor.id
  return { subject, data: JSON.stringify({ ...personal?.data, ...(source === null ? {} : { source }) }) }
}

/** What is a person's in all entries, for good. The chain holds: it has no more than hashes of it. */
export async function erasePersonal(tx: Tx, subjectId: string): Promise<void> {
  await tx.deleteFrom('audit_personal').where('subject_id', '=', subjectId).execute()
}
