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

/** Stores those that are to be created, several rows a statement, and tells what became of each. */
export async function storeRows(
  ctx: Context,
  tx: Tx,
  by: By,
  judged: readonly JudgedRow[],
  options: Options,
): Promise<{ outcomes: Outcome[]; isNewScheme: boolean }> {
  const wanted = judged.flatMap(({ ready }) => (ready ? { ...ready, id: ready.id ?? uuid() } : []))
  const now = ctx.now()
  const stored = await insertUsers(
    tx,
    wanted.map((row) => rowOf(row, options.managedBy, now)),
  )
  const created = wanted.filter((row) => stored.has(row.id))
  await insertUserTerms(tx, created)
  const isNewScheme = await noteSchemes(
    tx,
    created.flatMap((row) => row.passwordHash ?? []),
  )
  const { companyId } = options
  if (companyId !== null)
    await insertNewMembers(
      tx,
      companyId,
      created.map((row) => row.id),
      now,
    )
  await auditMany(
    ctx,
    tx,
    by,
    created.flatMap((row) => happened(row, options)),
  )
  const lost = await lostToOthers(
    tx,
    wanted.filter((row) => !stored.has(row.id)),
  )
  return { outcomes: judged.map(({ outcome, ready }) => (ready && lost.get(ready.email)) ?? outcome), isNewScheme }
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
