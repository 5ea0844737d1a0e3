import { v7 as uuid } from 'uuid'
import type { Tx } from '../db/database.ts'
import type { Act } from './entry.ts'

/** What an act may have changed of who may do what, and of what is told of people, companies and licenses: all of what is not named. */
export type Touched = { userId?: string; companyId?: string; applicationId?: string }

type Told = {
  act: Act
  target: { id: string }
  companyId?: string | undefined
  applicationId?: string | undefined
  data?: object
}

/** Nobody's rights are others after it, and applications are told nothing of it. */
const NOTHING = () => null
const USER = ({ target }: Told): Touched => ({ userId: target.id })
const MEMBER = ({ target, companyId }: Told): Touched => ({ userId: target.id, ...(companyId && { companyId }) })
const SEAT = (told: Told): Touched => ({
  ...MEMBER(told),
  ...(told.applicationId && { applicationId: told.applicationId }),
})
const COMPANY = ({ companyId }: Told): Touched => ({ ...(companyId && { companyId }) })
/** Also of a role: one of the application's own concerns all its companies. */
const LICENSE = ({ companyId, applicationId }: Told): Touched => ({
  ...(companyId && { companyId }),
  ...(applicationId && { applicationId }),
})
const APPLICATION = ({ applicationId }: Told): Touched => ({ ...(applicationId && { applicationId }) })
const EVERYTHING = (): Touched => ({})

/** A new act says what it touches, or that it touches nothing. */
const TOUCHES: Record<Act, (told: Told) => Touched | null> = {
  'house.seeded': EVERYTHING,
  'house.exported': NOTHING,
  // Whoever has no seat is told to nobody; giving one is an act of its own.
  'user.created': NOTHING,
  'user.changed': USER,
  'user.moved': USER,
  'user.switched_on': USER,
  'user.switched_off': USER,
  'user.password_changed': NOTHING,
  'user.signed_out': NOTHING,
  'user.deleted': USER,
  'company.created': NOTHING,
  'company.changed': COMPANY,
  // As for a user who is created.
  'member.added': NOTHING,
  'member.changed': MEMBER,
  'member.removed': MEMBER,
  'license.created': LICENSE,
  'license.changed': LICENSE,
  'seat.given': SEAT,
  'seat.changed': SEAT,
  'seat.taken': SEAT,
  'grant.given': SEAT,
  'grant.revoked': SEAT,
  'rights.changed': SEAT,
  // Nobody has it yet, and only one that nobody has is deleted.
  'role.created': NOTHING,
  'role.changed': LICENSE,
  'role.deleted': NOTHING,
  'manifest.applied': APPLICATION,
  'application.created': NOTHING,
  // Of all that can be changed only the switch decides who may do what.
  'application.changed': (told) => (differs(told, 'active') ? APPLICATION(told) : null),
  'application.switched_on': APPLICATION,
  'application.switched_off': APPLICATION,
  'application.secret_changed': NOTHING,
  'application.signed_out': NOTHING,
  'token.revoked': NOTHING,
  'throttle.lifted': NOTHING,
  'impersonation.started': NOTHING,
  'impersonation.used': NOTHING,
  'impersonation.ended': NOTHING,
  'api_key.created': NOTHING,
  'api_key.revoked': NOTHING,
  'audit.purged': NOTHING,
  'import.started': NOTHING,
  'import.finished': NOTHING,
  'endpoint.created': NOTHING,
  'endpoint.changed': NOTHING,
  'endpoint.secret_changed': NOTHING,
  'endpoint.switched_off': NOTHING,
  'endpoint.removed': NOTHING,
  'endpoint.resent': NOTHING,
  'delivery.replayed': NOTHING,
}

function differs({ data }: Told, field: string): boolean {
  const { before, after } = (data ?? {}) as { before?: Record<string, unknown>; after?: Record<string, unknown> } // As changes are written down.
  return before?.[field] !== after?.[field]
}

/** Notes what was touched as due, in the transaction that changes it: it is announced exactly when it is stored (jobs/announce.ts). */
export async function markTouched(tx: Tx, now: number, all: readonly Told[]): Promise<void> {
  const touched = all.flatMap((told) => TOUCHES[told.act](told) ?? [])
  const each = new Map(touched.map((of) => [JSON.stringify([of.userId, of.companyId, of.applicationId]), of]))
  await markDue(tx, now, [...each.values()])
}

/** Of one statement. */
const BATCH = 500

export async function markDue(
  tx: Tx,
  now: number,
  touched: readonly Touched[],
  place: string | null = null,
): Promise<void> {
  if (touched.length === 0) return
  const rows = touched.map(({ userId, companyId, applicationId }) => ({
    id: uuid(),
    user_id: userId ?? null,
    company_id: companyId ?? null,
    application_id: applicationId ?? null,
    place,
    at: now,
    worked_at: now,
  }))
  for (let from = 0; from < rows.length; from += BATCH)
    await tx
      .insertInto('due')
      .values(rows.slice(from, from + BATCH))
      .execute()
}
