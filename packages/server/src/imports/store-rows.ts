import { setImmediate } from 'node:timers/promises'
import { v7 as uuid } from 'uuid'
import type { By } from '../audit/actor.ts'
import { auditMany, type Happened } from '../audit/write.ts'
import type { Context } from '../context.ts'
import { noteSchemes } from '../credentials/password-scheme-store.ts'
import type { Tx } from '../db/database.ts'
import { insertNewMembers } from '../directory/membership-store.ts'
import { insertUserTerms } from '../directory/user-search.ts'
import { insertUsers, listEmails } from '../directory/user-store.ts'
import type { ReadyRow } from './import-row.ts'
import { ID_TAKEN, type JudgedRow, type Outcome } from './judge-rows.ts'

type Options = { importId: string; managedBy: string | null; companyId: string | null }
type Created = ReadyRow & { id: string }

/** Of a batch, how much is stored without a pause: on SQLite nobody else of this process is served meanwhile. */
const PIECE = 50

/** Stores those that are to be created, several rows a statement, and tells what became of each. */
export async function storeRows(
  ctx: Context,
  tx: Tx,
  by: By,
  judged: readonly JudgedRow[],
  options: Options,
): Promise<{ outcomes: Outcome[]; isNewScheme: boolean }> {
  const wanted = judged.flatMap(({ ready }) => (ready ? { ...ready, id: ready.id ?? uuid() } : []))
  const missed: Created[] = []
  const hashes: string[] = []
  for (let from = 0; from < wanted.length; from += PIECE) {
    const piece = wanted.slice(from, from + PIECE)
    const created = await storePiece(ctx, tx, by, piece, options)
    hashes.push(...created.flatMap((row) => row.passwordHash ?? []))
    if (created.length < piece.length) missed.push(...piece.filter((row) => !created.includes(row)))
    await setImmediate()
  }
  const lost = await lostToOthers(tx, missed)
  return {
    outcomes: judged.map(({ outcome, ready }) => (ready && lost.get(ready.email)) ?? outcome),
    isNewScheme: await noteSchemes(tx, hashes),
  }
}

/** Those that were stored. */
async function storePiece(
  ctx: Context,
  tx: Tx,
  by: By,
  rows: readonly Created[],
  options: Options,
): Promise<Created[]> {
  const now = ctx.now()
  const { managedBy, companyId } = options
  const stored = await insertUsers(
    tx,
    rows.map((row) => rowOf(row, managedBy, now)),
  )
  const created = rows.filter((row) => stored.has(row.id))
  const ids = created.map((row) => row.id)
  // First, so that what they are found by there is written once.
  if (companyId !== null) await insertNewMembers(tx, companyId, ids, now)
  await insertUserTerms(tx, created)
  await auditMany(
    ctx,
    tx,
    by,
    created.flatMap((row) => happened(row, options)),
  )
  return created
}

function rowOf(row: Created, managedBy: string | null, now: number) {
  return {
    id: row.id,
    email: row.email,
    first_name: row.firstName,
    last_name: row.lastName,
    pin: row.pin,
    password_hash: row.passwordHash,
    password_foreign: row.passwordHash === null ? 0 : 1,
    active: row.isActive ? 1 : 0,
    operator: 0,
    support: 0,
    managed_by: managedBy,
    sessions_ended_at: 0,
    created_at: row.createdAt,
    updated_at: now,
    deleted_at: null,
    deleted_email_hash: null,
    moved_at: null,
    moved_by: null,
  } as const
}

/** As for each user that is made one by one, so that whoever asks where somebody came from finds it, and it can be erased. */
function happened(row: Created, { importId, managedBy, companyId }: Options): Happened[] {
  const target = { kind: 'user', id: row.id }
  const made: Happened = {
    act: 'user.created',
    target,
    data: {
      import: importId,
      active: row.isActive,
      operator: false,
      support: false,
      managed_by: managedBy,
      has_password: row.passwordHash !== null,
    },
    personal: {
      subject: row.id,
      data: { email: row.email, first_name: row.firstName, last_name: row.lastName },
    },
  }
  return companyId === null ? [made] : [made, { act: 'member.added', target, companyId, data: { role: 'member' } }]
}

/** Somebody else took the address or the id since they were looked for, which PostgreSQL lets happen. */
async function lostToOthers(tx: Tx, rows: readonly Created[]): Promise<Map<string, Outcome>> {
  const present = await listEmails(
    tx,
    rows.map((row) => row.email),
  )
  return new Map(
    rows.map(({ email }) => [
      email,
      present.has(email) ? { outcome: 'existing' } : { outcome: 'refused', reason: ID_TAKEN },
    ]),
  )
}
