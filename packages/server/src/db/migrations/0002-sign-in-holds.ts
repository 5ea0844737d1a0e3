import { type Kysely, sql } from 'kysely'
import { schemeOf, writeScheme } from '../../domain/password-scheme.ts'
import type { SchemaDialect } from './dialect.ts'

/** Guessing made slow; where users sign in and applications call from; how costly foreign passwords are; who was deleted. */
export function signInHolds({ time, count, text, clustered }: SchemaDialect) {
  return {
    // biome-ignore lint/suspicious/noExplicitAny: Kysely's migrations run on a schema that is not typed yet.
    async up(db: Kysely<any>): Promise<void> {
      await db.schema
        .createTable('throttles')
        .addColumn('key', text, (c) => c.primaryKey().notNull())
        .addColumn('user_id', text, (c) => c.references('users.id'))
        .addColumn('address', text)
        .addColumn('tries', count, (c) => c.notNull())
        .addColumn('last_at', time, (c) => c.notNull())
        .addColumn('next_at', time, (c) => c.notNull())
        .modifyEnd(clustered)
        .execute()
      // For clearing away what is forgotten.
      await db.schema.createIndex('throttles_last_at').on('throttles').column('last_at').execute()
      await db.schema
        .createIndex('throttles_user')
        .on('throttles')
        .column('user_id')
        .where(sql.ref('user_id'), 'is not', null)
        .execute()

      await db.schema
        .createTable('known_addresses')
        .addColumn('user_id', text, (c) => c.notNull().references('users.id'))
        .addColumn('address', text, (c) => c.notNull())
        .addColumn('last_at', time, (c) => c.notNull())
        .addPrimaryKeyConstraint('known_addresses_key', ['user_id', 'address'])
        .modifyEnd(clustered)
        .execute()
      await db.schema.createIndex('known_addresses_last_at').on('known_addresses').column('last_at').execute()

      await db.schema
        .createTable('password_schemes')
        .addColumn('scheme', text, (c) => c.primaryKey().notNull())
        .modifyEnd(clustered)
        .execute()
      await noteSchemes(db)

      // A deleted user's row stays without anything of the person, so that no id is used twice.
      await db.schema.alterTable('users').addColumn('deleted_at', time).execute()
      await db.schema.alterTable('users').addColumn('deleted_email_hash', text).execute()
      await db.schema
        .createIndex('users_deleted_email')
        .on('users')
        .column('deleted_email_hash')
        .where(sql.ref('deleted_email_hash'), 'is not', null)
        .execute()
      // For knowing whether one is the last.
      await db.schema
        .createIndex('users_operators')
        .on('users')
        .column('id')
        .where(sql.ref('operator'), '=', sql.lit(1))
        .execute()
      // For ending what a user's supporters began.
      await db.schema.createIndex('impersonations_user').on('impersonations').column('user_id').execute()

      await db.schema.alterTable('applications').addColumn('source_networks', text).execute()
    },
  }
}

const PAGE = 1_000

/** Those of the imported passwords that are there already. */
// biome-ignore lint/suspicious/noExplicitAny: as above.
async function noteSchemes(db: Kysely<any>): Promise<void> {
  const found = new Set<string>()
  for (let after = ''; ; ) {
    const rows: { id: string; password_hash: string | null }[] = await db
      .selectFrom('users')
      .select(['id', 'password_hash'])
      .where('password_foreign', '=', 1)
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE)
      .execute()
    for (const { password_hash: hash } of rows) {
      const scheme = schemeOf(hash ?? '')
      if (scheme) found.add(writeScheme(scheme))
    }
    const last = rows.at(-1)
    if (!last) break
    after = last.id
  }
  for (const scheme of found) await db.insertInto('password_schemes').values({ scheme }).execute()
}
