import { type Kysely, sql } from 'kysely'
import { END_OF_TIME, START_OF_TIME } from '../../domain/interval.ts'
import type { SchemaDialect } from './dialect.ts'

// biome-ignore lint/suspicious/noExplicitAny: Kysely's migrations run on a schema that is not typed yet.
type Untyped = Kysely<any>

/** What applications are told: what is due, what was announced, and the events; and by what the clock finds what begins and ends. */
export function events({ time, text, clustered, strict }: SchemaDialect) {
  return {
    async up(db: Untyped): Promise<void> {
      // What a change touched, until it was looked at whether anybody is to be told. What is null is all of that kind.
      await db.schema
        .createTable('due')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('user_id', text)
        .addColumn('company_id', text)
        .addColumn('application_id', text)
        // How far it was worked off, of one that concerns many.
        .addColumn('place', text)
        .addColumn('at', time, (c) => c.notNull())
        .addColumn('worked_at', time, (c) => c.notNull())
        .modifyEnd(clustered)
        .execute()
      // Those of one person, and those that concern many: these take turns, the one that waits longest first.
      await db.schema
        .createIndex('due_small')
        .on('due')
        .column('id')
        .where(sql.ref('user_id'), 'is not', null)
        .execute()
      await db.schema
        .createIndex('due_large')
        .on('due')
        .columns(['worked_at', 'id'])
        .where(sql.ref('user_id'), 'is', null)
        .execute()

      await db.schema
        .createTable('announced')
        .addColumn('application_id', text, (c) => c.notNull())
        .addColumn('user_id', text, (c) => c.notNull())
        .addColumn('company_id', text, (c) => c.notNull())
        .addColumn('version', time, (c) => c.notNull())
        // Slugs, divided by blanks.
        .addColumn('permissions', text, (c) => c.notNull())
        .addPrimaryKeyConstraint('announced_key', ['application_id', 'user_id', 'company_id'])
        .modifyEnd(clustered)
        .execute()
      await db.schema
        .createIndex('announced_user')
        .on('announced')
        .columns(['user_id', 'application_id', 'company_id'])
        .execute()
      await db.schema
        .createIndex('announced_license')
        .on('announced')
        .columns(['company_id', 'application_id', 'user_id'])
        .execute()
      // For clearing away those of whom there is nothing left to tell.
      await db.schema
        .createIndex('announced_empty')
        .on('announced')
        .column('version')
        .where(sql.ref('permissions'), '=', '')
        .execute()

      // What was last told of a user, a company or a license, as JSON.
      await db.schema
        .createTable('told')
        .addColumn('subject', text, (c) => c.notNull().check(sql`subject in ('user', 'company', 'license')`))
        .addColumn('subject_id', text, (c) => c.notNull())
        .addColumn('application_id', text, (c) => c.notNull())
        .addColumn('version', time, (c) => c.notNull())
        .addColumn('data', text, (c) => c.notNull())
        .addPrimaryKeyConstraint('told_key', ['subject', 'subject_id', 'application_id'])
        .modifyEnd(clustered)
        .execute()

      await db.schema
        .createTable('events')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('application_id', text, (c) => c.notNull())
        // Null until it is numbered, after it was stored.
        .addColumn('seq', time)
        .addColumn('type', text, (c) => c.notNull())
        .addColumn('user_id', text)
        .addColumn('company_id', text)
        .addColumn('version', time)
        .addColumn('data', text, (c) => c.notNull())
        .addColumn('changed', text)
        .addColumn('created_at', time, (c) => c.notNull())
        .addColumn('erase_at', time)
        .modifyEnd(strict)
        .execute()
      await db.schema
        .createIndex('events_seq')
        .unique()
        .on('events')
        .column('seq')
        .where(sql.ref('seq'), 'is not', null)
        .execute()
      await db.schema
        .createIndex('events_application')
        .on('events')
        .columns(['application_id', 'seq'])
        .where(sql.ref('seq'), 'is not', null)
        .execute()
      await db.schema
        .createIndex('events_unnumbered')
        .on('events')
        .column('id')
        .where(sql.ref('seq'), 'is', null)
        .execute()
      // For erasing a person's data.
      await db.schema
        .createIndex('events_user')
        .on('events')
        .columns(['user_id', 'id'])
        .where(sql.ref('user_id'), 'is not', null)
        .execute()
      await db.schema
        .createIndex('events_erase')
        .on('events')
        .columns(['erase_at', 'id'])
        .where(sql.ref('erase_at'), 'is not', null)
        .execute()

      // What begins or ends by itself is found in the order of time, from where the clock last was.
      const bounded = { starts: sql`starts_at > ${sql.lit(START_OF_TIME)}`, ends: sql`ends_at < ${END}` }
      const stands = { seats: sql``, grants: sql` and revoked_at = 0` }
      for (const [table, key] of [
        ['seats', 'number'],
        ['grants', 'id'],
      ] as const)
        for (const bound of ['starts', 'ends'] as const)
          await sql`create index ${sql.ref(`${table}_${bound}`)} on ${sql.table(table)} (${sql.ref(`${bound}_at`)}, ${sql.ref(key)})
            where ${bounded[bound]}${stands[table]}`.execute(db)
      for (const [name, moment, where] of [
        ['starts', sql`starts_at`, bounded.starts],
        ['ends', sql`ends_at`, bounded.ends],
        ['grace', GRACE_END, bounded.ends],
      ] as const)
        await sql`create index ${sql.ref(`licenses_${name}`)} on licenses (${moment}, company_id, application_id)
          where ${where}`.execute(db)

      // An application's companies, some at a time.
      await db.schema.dropIndex('licenses_application').execute()
      await db.schema
        .createIndex('licenses_application')
        .on('licenses')
        .columns(['application_id', 'company_id'])
        .execute()

      // Last, and short: on PostgreSQL these keep all others out until the end.
      // Since when it wants to be told of events, and since when all was noted that it knows by then. Null: not.
      await db.schema.alterTable('applications').addColumn('events_since', time).execute()
      await db.schema.alterTable('applications').addColumn('events_ready_at', time).execute()
    },
  }
}

/** As domain/license-state.ts has it. Queries use the index where they say the same. */
const GRACE_END = sql`(ends_at + cast(grace_days as bigint) * 86400000)`
const END = sql.raw(String(END_OF_TIME))
