import { sql } from 'kysely'
import type { Db } from '../db/database.ts'
import { insertsMany } from '../db/insert-many.ts'
import { afterPrefix, searchTerm, userTerms } from '../domain/search-term.ts'

/** Keeps what a user is found by as the user is now. */
export async function writeUserTerms(
  db: Db,
  user: { id: string; email: string; firstName: string; lastName: string },
): Promise<void> {
  await deleteUserTerms(db, user.id)
  const rows = userTerms(user).map((term) => ({ term, user_id: user.id }))
  await db.insertInto('user_terms').values(rows).execute()
}

const insertTerms = insertsMany((db, rows: readonly { term: string; user_id: string }[]) =>
  db.insertInto('user_terms').values(rows),
)

/** Of users who are new. */
export async function insertUserTerms(
  db: Db,
  users: readonly { id: string; email: string; firstName: string; lastName: string }[],
): Promise<void> {
  await insertTerms(
    db,
    users.flatMap((user) => userTerms(user).map((term) => ({ term, user_id: user.id }))),
  )
}

export async function deleteUserTerms(db: Db, userId: string): Promise<void> {
  await db.deleteFrom('user_terms').where('user_id', '=', userId).execute()
}

/** A user's place in a list: what it was found by, and the id. */
export type UserPlace = { term: string; id: string }

export type UserQuery = {
  /** How the address or a name begins; '' finds all, by their address. */
  q: string
  /** Members of this company only. */
  memberOf?: string | undefined
  /** The same, and whom it manages. */
  companyId?: string | undefined
  after?: UserPlace | undefined
  limit: number
}

/**
 * The users whose address or name begins with a text, each once, in the order of what they are found by; without a text by their
 * address. Reads one range of an index; within a company it reads the company's people instead.
 */
export async function searchUsers(db: Db, wanted: UserQuery): Promise<UserPlace[]> {
  const prefix = searchTerm(wanted.q)
  const end = afterPrefix(prefix)
  return end === undefined ? listByAddress(db, wanted) : listByTerm(db, wanted, prefix, end)
}

async function listByAddress(db: Db, { memberOf, companyId, after, limit }: UserQuery): Promise<UserPlace[]> {
  const people = peopleOf(db, memberOf, companyId)
  // No two have one address.
  const isAfter = after ? sql<boolean>`u.email > ${after.term}` : sql<boolean>`true`
  if (people)
    return db
      .selectFrom(people.as('c'))
      .crossJoin('users as u')
      .select(['u.email as term', 'u.id'])
      .whereRef('u.id', '=', 'c.user_id')
      .where('u.deleted_at', 'is', null)
      .where(isAfter)
      .orderBy('u.email')
      .limit(limit)
      .execute()
  return db
    .selectFrom('users as u')
    .select(['u.email as term', 'u.id'])
    .where('u.deleted_at', 'is', null)
    .where(isAfter)
    .orderBy('u.email')
    .limit(limit)
    .execute()
}

async function listByTerm(
  db: Db,
  { memberOf, companyId, after, limit }: UserQuery,
  prefix: string,
  end: string,
): Promise<UserPlace[]> {
  const people = peopleOf(db, memberOf, companyId)
  const wanted = sql<boolean>`t.term >= ${prefix} and t.term < ${end}
    and not exists (select 1 from user_terms as o where o.user_id = t.user_id and o.term >= ${prefix} and o.term < t.term)`
  // One comparison of both, so that it is one range of the index.
  const isAfter = after ? sql<boolean>`(t.term, t.user_id) > (${after.term}, ${after.id})` : sql<boolean>`true`
  if (people)
    return db
      .selectFrom(people.as('c'))
      .crossJoin('user_terms as t')
      .select(['t.term', 't.user_id as id'])
      .whereRef('t.user_id', '=', 'c.user_id')
      .where(wanted)
      .where(isAfter)
      .orderBy('t.term')
      .orderBy('t.user_id')
      .limit(limit)
      .execute()
  return (
    db
      .selectFrom('user_terms as t')
      .select(['t.term', 't.user_id as id'])
      // The first of a user's terms that begin so.
      .where(wanted)
      .where(isAfter)
      .orderBy('t.term')
      .orderBy('t.user_id')
      .limit(limit)
      .execute()
  )
}

/** A company's members, or them and whom it manages. Joined by CROSS JOIN, which SQLite takes for an order: these first. */
function peopleOf(db: Db, memberOf: string | undefined, companyId: string | undefined) {
  const members = (id: string) =>
    db.selectFrom('memberships').select('user_id').where('company_id', '=', id).where('left_at', 'is', null)
  if (memberOf !== undefined) return members(memberOf)
  if (companyId === undefined) return undefined
  return members(companyId).union(db.selectFrom('users').select('id as user_id').where('managed_by', '=', companyId))
}
