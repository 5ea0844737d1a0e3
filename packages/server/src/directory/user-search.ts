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
 * address. Reads ranges of an index, a page of each (docs/decisions/0024-a-companys-people.md).
 */
export async function searchUsers(db: Db, wanted: UserQuery): Promise<UserPlace[]> {
  const prefix = searchTerm(wanted.q)
  const end = afterPrefix(prefix)
  const range = end === undefined ? undefined : { prefix, end }
  const companyId = wanted.memberOf ?? wanted.companyId
  if (companyId !== undefined) return searchPeople(db, companyId, wanted, range)
  return range ? listByTerm(db, wanted, range) : listByAddress(db, wanted)
}

/** Terms from the prefix to the first that does not begin so. */
type Range = { prefix: string; end: string }

async function listByAddress(db: Db, { after, limit }: UserQuery): Promise<UserPlace[]> {
  // No two have one address.
  const isAfter = after ? sql<boolean>`u.email > ${after.term}` : sql<boolean>`true`
  return db
    .selectFrom('users as u')
    .select(['u.email as term', 'u.id'])
    .where('u.deleted_at', 'is', null)
    .where(isAfter)
    .orderBy('u.email')
    .limit(limit)
    .execute()
}

async function listByTerm(db: Db, { after, limit }: UserQuery, range: Range): Promise<UserPlace[]> {
  return db
    .selectFrom('user_terms as t')
    .select(['t.term', 't.user_id as id'])
    .where(isFirstOf(range))
    .where(isFrom(after, range.prefix))
    .orderBy('t.term')
    .orderBy('t.user_id')
    .limit(limit)
    .execute()
}

/** Of a user's terms that begin so the first one. */
function isFirstOf({ prefix, end }: Range) {
  return sql<boolean>`t.term < ${end}
    and not exists (select 1 from user_terms as o where o.user_id = t.user_id and o.term >= ${prefix} and o.term < t.term)`
}

/** One comparison where the index is entered: the later of the range's beginning and the last page's end. */
function isFrom(after: UserPlace | undefined, prefix: string) {
  return after?.term.startsWith(prefix)
    ? sql<boolean>`(t.term, t.user_id) > (${after.term}, ${after.id})`
    : sql<boolean>`t.term >= ${prefix}`
}

/** A company's members, or them and whom it manages: each kind is a range of its own, and so are addresses and names. */
async function searchPeople(
  db: Db,
  companyId: string,
  { memberOf, after, limit }: UserQuery,
  range: Range | undefined,
): Promise<UserPlace[]> {
  const ranges = (memberOf === undefined ? ([1, 0] as const) : ([1] as const)).flatMap((isMember) =>
    (range ? ([1, 0] as const) : ([1] as const)).map((isAddress) => {
      const page = db
        .selectFrom('people_terms as t')
        .select(['t.term', 't.user_id as id'])
        .where('t.company_id', '=', companyId)
        .where('t.is_member', '=', isMember)
        .where('t.is_address', '=', isAddress)
        .where(range ? isFirstOf(range) : sql<boolean>`true`)
        .where(isFrom(after, range?.prefix ?? ''))
        .orderBy('t.term')
        .orderBy('t.user_id')
        .limit(limit)
      // SQLite takes an order and a limit of each only so.
      return db.selectFrom(page.as('p')).selectAll()
    }),
  )
  const all = ranges.reduce((some, next) => some.unionAll(next))
  return all.orderBy('term').orderBy('id').limit(limit).execute()
}
