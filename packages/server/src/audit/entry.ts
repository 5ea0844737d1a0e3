import { createHash } from 'node:crypto'
import type { Selectable } from 'kysely'
import type { Tables } from '../db/tables.ts'

/** What is audited, `<noun>.<what happened>`. Names are public: added, never renamed. */
export const ACTS = [
  'house.seeded',
  'house.exported',
  'user.created',
  'user.changed',
  'user.switched_on',
  'user.switched_off',
  'user.password_changed',
  'user.signed_out',
  'user.deleted',
  'user.moved',
  'company.created',
  'company.changed',
  'member.added',
  'member.changed',
  'member.removed',
  'license.created',
  'license.changed',
  'seat.given',
  'seat.changed',
  'seat.taken',
  'grant.given',
  'grant.revoked',
  'rights.changed',
  'role.created',
  'role.changed',
  'role.deleted',
  'manifest.applied',
  'application.created',
  'application.changed',
  'application.switched_on',
  'application.switched_off',
  'application.secret_changed',
  'application.signed_out',
  'token.revoked',
  'throttle.lifted',
  'impersonation.started',
  'impersonation.used',
  'impersonation.ended',
  'api_key.created',
  'api_key.revoked',
  'audit.purged',
  'import.started',
  'import.finished',
  'endpoint.created',
  'endpoint.changed',
  'endpoint.secret_changed',
  'endpoint.switched_off',
  'endpoint.removed',
  'endpoint.resent',
  'delivery.replayed',
] as const
export type Act = (typeof ACTS)[number]

export type EntryRow = Selectable<Tables['audit_entries']>

/** What the chain seals of an entry, always the same text for the same entry. */
export function sealedText(row: EntryRow): string {
  return JSON.stringify([
    row.seq,
    row.id,
    row.at,
    row.act,
    row.actor_kind,
    row.actor_id,
    row.behind_id,
    row.target_kind,
    row.target_id,
    row.company_id,
    row.application_id,
    row.request_id,
    row.data,
    row.personal_hash,
    row.source_hash,
  ])
}

/** What an entry keeps of a personal part; salted, so that nobody finds it again by guessing. */
export function personalHash(entryId: string, salt: string, data: string): string {
  return createHash('sha256')
    .update(JSON.stringify([entryId, salt, data]))
    .digest('base64url')
}
