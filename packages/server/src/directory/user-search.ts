import { sql } from 'kysely'
import type { Db } from '../db/database.ts'
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

/** Of users who are new. */
export async function insertUserTerms(
  db: Db,
  users: readonly { id: string; email: string; firstName: string; lastName: string }[],
): Promise<void> {
  const rows = users.flatMap((user) => userTerms(user).map((term) => ({ term, user_id: user.id })))
  if (rows.length > 0) await db.insertInto('user_terms').values(rows).execute()
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
 * The users whose address or name begins with a text, each once, in the order of what they are found by. Reads one range of the
 * index; within a company it reads the company's members instead.
 */
export async function searchUsers(db: Db, { q, memberOf, companyId, after, limit }: UserQuery): Promise<UserPlace[]> {
  const prefix = searchTerm(q)
  let query = db
    .selectFrom('user_terms as t')
    .select(['t.term', 't.user_id as id'])
    .orderBy('t.term')
    .orderBy('t.user_id')
    .limit(limit)
  const end = afterPrefix(prefix)
  if (end === undefined) {
    // Without a text, the address alone: each user has one.
    query = query.innerJoin('users as u', (join) =>
      join.onRef('u.id', '=', 't.user_id').onRef('u.email', '=', 't.term'),
    )
  } else {
    query = query
      .where('t.term', '>=', prefix)
      .where('t.term', '<', end)
      // The first of a user's terms that begin so.
      .where((e) =>
        e.not(
          e.exists(
            e
              .selectFrom('user_terms as o')
              .select('o.term')
              .whereRef('o.user_id', '=', 't.user_id')
              .where('o.term', '>=', prefix)
              .whereRef('o.term', '<', 't.term'),
          ),
        ),
      )
  }
  // One comparison of both, so that it is one range of the index.
  if (after) query = query.where(sql<boolean>`(t.term, t.user_id) > (${after.term}, ${after.id})`)
  if (memberOf !== undefined)
    query = query.where('t.user_id', 'in', (e) =>
      e
        .selectFrom('memberships as m')
        .select('m.user_id')
        .where('m.company_id', '=', memberOf)
        .where('m.left_at', 'is', null),
    )
  if (companyId !== undefined)
    query = query.where('t.user_id', 'in', (e) =>
      e
        .selectFrom('memberships as m')
        .select('m.user_id')
        .where('m.company_id', '=', companyId)
        .where('m.left_at', 'is', null)
        .union(e.selectFrom('users as w').select('w.id as user_id').where('w.managed_by', '=', companyId)),
    )
  return query.execute()
}
