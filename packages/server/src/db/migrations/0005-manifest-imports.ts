import { type Kysely, sql } from 'kysely'
import type { SchemaDialect } from './dialect.ts'

// biome-ignore lint/suspicious/noExplicitAny: Kysely's migrations run on a schema that is not typed yet.
type Untyped = Kysely<any>

/** Permissions that nobody shall be given any more, and users who move in from elsewhere. */
export function manifestImports({ time, text, clustered }: SchemaDialect) {
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
    },
  }
}
