import { type Kysely, sql } from 'kysely'
import type { SchemaDialect } from './dialect.ts'

// biome-ignore lint/suspicious/noExplicitAny: Kysely's migrations run on a schema that is not typed yet.
type Untyped = Kysely<any>

/** Impersonations that are begun over the API: by whom, where they lead, how they are found and ended. */
export function impersonation({ time, flag, text }: SchemaDialect) {
  return {
    async up(db: Untyped): Promise<void> {
      const add = (name: string, type: typeof time | typeof text) =>
        db.schema.alterTable('impersonations').addColumn(name, type).execute()
      // By these what somebody began is ended with whoever began it.
      await add('starter_user_id', text)
      await add('starter_key_id', text)
      await add('starter_power', text)
      // Null: it ends at its time, or with what it hangs on.
      await add('ended_at', time)

      // For lists, the newest first.
      await db.schema.dropIndex('impersonations_user').execute()
      for (const column of ['user_id', 'company_id', 'application_id'])
        await db.schema.createIndex(`impersonations_${column}`).on('impersonations').columns([column, 'id']).execute()
      // For those that may be live.
      await db.schema.createIndex('impersonations_session').on('impersonations').column('session_ends_at').execute()
      for (const column of ['starter_user_id', 'starter_key_id'])
        await db.schema
          .createIndex(`impersonations_${column}`)
          .on('impersonations')
          .columns([column, 'session_ends_at'])
          .where(sql.ref(column), 'is not', null)
          .execute()
      for (const [name, column] of [
        ['tokens_impersonation', 'impersonation_id'],
        ['tokens_only_company', 'only_company_id'],
      ] as const)
        await db.schema.createIndex(name).on('tokens').column(column).where(sql.ref(column), 'is not', null).execute()

      // Last, and short: on PostgreSQL these keep all others out until the end.
      await db.schema
        .alterTable('companies')
        .addColumn('allows_impersonation', flag, (c) => c.notNull().defaultTo(0))
        .execute()
      await db.schema.alterTable('applications').addColumn('django_url', text).execute()
      await db.schema.alterTable('applications').addColumn('impersonation_url', text).execute()
    },
  }
}
