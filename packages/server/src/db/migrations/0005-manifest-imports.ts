import { type Kysely, sql } from 'kysely'
import type { SchemaDialect } from './dialect.ts'

// biome-ignore lint/suspicious/noExplicitAny: Kysely's migrations run on a schema that is not typed yet.
type Untyped = Kysely<any>

/** Permissions that nobody shall be given any more, users who move in from elsewhere, and what lists and counts read by. */
export function manifestImports({ time, text, sorted, clustered }: SchemaDialect) {
  return {
    async up(db: Untyped): Promise<void> {
      // Null: in use.
      await db.schema.alterTable('permissions').addColumn('deprecated_at', time).execute()
      // Grants of then still name it; its slug is free again.
      await db.schema.alterTable('permissions').addColumn('removed_at', time).execute()

      // One file that moves in. A batch of its rows and `done` are stored together, so that it goes on where it ended.
      await db.schema
        .createTable('imports')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('kind', text, (c) => c.notNull())
        .addColumn('name', text, (c) => c.notNull())
        .addColumn('digest', text, (c) => c.notNull())
        .addColumn('options', text, (c) => c.notNull())
        .addColumn('total', time, (c) => c.notNull())
        .addColumn('done', time, (c) => c.notNull())
        .addColumn('created', time, (c) => c.notNull())
        .addColumn('existing', time, (c) => c.notNull())
        .addColumn('refused', time, (c) => c.notNull())
        .addColumn('started_by', text, (c) => c.notNull())
        .addColumn('started_at', time, (c) => c.notNull())
        .addColumn('updated_at', time, (c) => c.notNull())
        .addColumn('finished_at', time)
        .modifyEnd(clustered)
        .execute()
      // The same file with the same options is one import until it is all in.
      await db.schema
        .createIndex('imports_unfinished')
        .unique()
        .on('imports')
        .columns(['digest', 'kind', 'options'])
        .where(sql.ref('finished_at'), 'is', null)
        .execute()

      // Lists of the audit are of a span of time: by each thing that they can be limited to, one range of an index.
      for (const column of ['company_id', 'target_id', 'actor_id'])
        await db.schema.dropIndex(`audit_entries_${column}`).execute()
      await db.schema
        .createIndex('audit_entries_company_id')
        .on('audit_entries')
        .columns(['company_id', 'at', 'id'])
        .where(sql.ref('company_id'), 'is not', null)
        .execute()
      for (const column of ['target_id', 'actor_id', 'act'])
        await db.schema
          .createIndex(`audit_entries_${column}`)
          .on('audit_entries')
          .columns([column, 'at', 'id'])
          .execute()
      await db.schema.createIndex('audit_entries_at').on('audit_entries').columns(['at', 'id']).execute()

      // Users are listed by their address; on SQLite texts are sorted by code point anyway.
      if (sorted !== 'text')
        await db.schema
          .alterTable('users')
          .alterColumn('email', (c) => c.setDataType(sorted))
          .execute()

      // Who signed in, and when last, without the tokens themselves (docs/decisions/0015-statistics.md).
      await db.schema.dropIndex('tokens_user').execute()
      await db.schema
        .createIndex('tokens_user')
        .on('tokens')
        .columns(['user_id', 'issued_at', 'application_id', 'impersonation_id'])
        .execute()
      // For those that end soon.
      await db.schema
        .createIndex('api_keys_expiry')
        .on('api_keys')
        .columns(['expires_at', 'id'])
        .where(sql.ref('revoked_at'), 'is', null)
        .execute()
    },
  }
}
