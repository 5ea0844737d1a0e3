import { actInTransaction, type By } from '../audit/actor.ts'
import { audit } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { endImpersonationById } from '../credentials/impersonation-store.ts'
import { mayEndImpersonation } from '../domain/power.ts'
import { AppError } from '../errors.ts'
import { findImpersonation, findImpersonationOfToken, type StoredImpersonation } from './impersonation-store.ts'

/** Ends the one-time token and the session that it gave, from the very next answer on. False when it was over already. @throws AppError `not_allowed` */
export async function endImpersonation(ctx: Context, by: By, { id }: StoredImpersonation): Promise<boolean> {
  return actInTransaction(ctx, by, async (tx) => {
    const now = ctx.now()
    const found = await findImpersonation(tx, id, now)
    if (!found) return false
    const { actor } = by
    const { companyId, starter } = found
    const isOwn =
      actor.userId === null ? starter.keyId === actor.id && actor.kind === 'key' : starter.userId === actor.userId
    if (!mayEndImpersonation(actor.power, { companyId, isOwn }))
      throw new AppError('not_allowed', { detail: 'Somebody else began this. Ask an operator of the house to end it.' })
    if (found.state === 'over' || !(await endImpersonationById(tx, id, now))) return false
    await audit(ctx, tx, { ...by, behindId: starter.reference }, ended(found))
    return true
  })
}

/** Signs out of a session that somebody is behind. False when it was over already. */
export async function leaveImpersonation(
  ctx: Context,
  tokenHash: string,
  request: { id: string; source: string },
): Promise<boolean> {
  return ctx.db.transaction(async (tx) => {
    const now = ctx.now()
    const found = await findImpersonationOfToken(tx, tokenHash, now)
    if (found?.state !== 'live' || !(await endImpersonationById(tx, found.id, now))) return false
    const actor = { kind: 'user', id: found.user.id, userId: found.user.id } as const
    const { id: requestId, source } = request
    await audit(ctx, tx, { actor, behindId: found.starter.reference, requestId, source }, ended(found))
    return true
  })
}

function ended({ id, user, companyId, applicationId }: StoredImpersonation) {
  const target = { kind: 'user', id: user.id }
  return { act: 'impersonation.ended', target, companyId, applicationId, data: { impersonation: id } } as const
}
