import { type Kysely, sql } from 'kysely'
import type { SchemaDialect } from './dialect.ts'

// biome-ignore lint/suspicious/noExplicitAny: Kysely's migrations run on a schema that is not typed yet.
type Untyped = Kysely<any>

/** Users who move over from another License server as they sign in: when they did, and who did not yet. */
export function upstream({ time, text }: SchemaDialect) {
  return {
    async up(db: Untyped): Promise<void> {
      await db.schema.alterTable('users').addColumn('moved_at', time).execute()
      await db.schema.alterTable('users').addColumn('moved_by', text).execute()
      // Lists of who has moved, and of who is known and has no password; and their counts.
      await db.schema
        .createIndex('users_moved')
        .on('users')
        .columns(['moved_at', 'id'])
        .where('moved_at', 'is not', null)
        .execute()
      await db.schema
        .createIndex('users_without_password')
        .on('users')
        .column('email')
        .where(sql<boolean>`password_hash is null and deleted_at is null`)
        .execute()
    },
  }
}
