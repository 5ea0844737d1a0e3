import type { Db } from '../db/database.ts'

/** What is found again by a keyed hash of the ring's first key. It is not sealed: a rotation leaves it as it is, and nothing brings it back without that key. */
export type NamedKind = {
  /** In the words of an operator. */
  name: string
  /** What it costs to be without that key, as a sentence. */
  costs: string
  count(db: Db): Promise<number>
}

const deletedAddresses: NamedKind = {
  name: 'addresses of deleted users',
  costs: 'They are no longer recognised: such an address can go to a new user without being asked for twice.',
  async count(db) {
    const { count } = await db
      .selectFrom('users')
      .select((e) => e.fn.count<number>('deleted_email_hash').as('count'))
      .executeTakeFirstOrThrow()
    return Number(count)
  },
}

// Counts of wrong passwords for names without an account hang on it too, but are forgotten after minutes anyway.
export const NAMED: readonly NamedKind[] = [deletedAddresses]
