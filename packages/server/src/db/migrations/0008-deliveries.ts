import { type Kysely, sql } from 'kysely'
import type { SchemaDialect } from './dialect.ts'

// biome-ignore lint/suspicious/noExplicitAny: Kysely's migrations run on a schema that is not typed yet.
type Untyped = Kysely<any>

/** Where events are sent, what was sent there and what came back; and the last tokens of sites that are told of users by them. */
export function deliveries({ time, flag, text, clustered, count }: SchemaDialect) {
  return {
    async up(db: Untyped): Promise<void> {
      await db.schema
        .createTable('endpoints')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('application_id', text, (c) => c.notNull())
        .addColumn('dialect', text, (c) => c.notNull())
        .addColumn('url', text, (c) => c.notNull())
        .addColumn('types', text)
        .addColumn('description', text, (c) => c.notNull())
        .addColumn('active', flag, (c) => c.notNull())
        .addColumn('secret', text)
        .addColumn('secret_before', text)
        .addColumn('before_until', time)
        .addColumn('next_seq', time, (c) => c.notNull())
        .addColumn('resend_place', text)
        .addColumn('failing_since', time)
        .addColumn('disabled_at', time)
        .addColumn('disabled_because', text)
        .addColumn('created_at', time, (c) => c.notNull())
        .addColumn('updated_at', time, (c) => c.notNull())
        .addColumn('deleted_at', time)
        .modifyEnd(clustered)
        .execute()
      await db.schema.createIndex('endpoints_application').on('endpoints').columns(['application_id', 'id']).execute()

      await db.schema
        .createTable('deliveries')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('endpoint_id', text, (c) => c.notNull())
        .addColumn('message_id', text, (c) => c.notNull())
        .addColumn('event_id', text)
        .addColumn('type', text, (c) => c.notNull())
        .addColumn('lane', text, (c) => c.notNull())
        .addColumn('topic', text)
        .addColumn('seq', time, (c) => c.notNull())
        .addColumn('state', text, (c) => c.notNull())
        .addColumn('attempts', count, (c) => c.notNull())
        .addColumn('tries', count, (c) => c.notNull())
        .addColumn('first_tried_at', time)
        .addColumn('next_at', time, (c) => c.notNull())
        .addColumn('claim', text)
        .addColumn('last_status', count)
        .addColumn('last_error', text)
        .addColumn('created_at', time, (c) => c.notNull())
        .addColumn('finished_at', time)
        .modifyEnd(clustered)
        .execute()
      // An event goes to an endpoint once, by whichever node sees it first.
      await db.schema
        .createIndex('deliveries_message')
        .unique()
        .on('deliveries')
        .columns(['endpoint_id', 'message_id'])
        .execute()
      // What is due at an endpoint, and what stands before it in its lane.
      for (const [name, column] of [
        ['deliveries_due', 'next_at'],
        ['deliveries_lane', 'lane'],
      ] as const)
        await db.schema
          .createIndex(name)
          .on('deliveries')
          .columns(['endpoint_id', column, 'seq', 'id'])
          .where(sql.ref('state'), '=', sql.lit('waiting'))
          .execute()
      // Lists, the newest first; and what is cleared away.
      await db.schema
        .createIndex('deliveries_list')
        .on('deliveries')
        .columns(['endpoint_id', 'created_at', 'id'])
        .execute()
      await db.schema
        .createIndex('deliveries_state')
        .on('deliveries')
        .columns(['endpoint_id', 'state', 'created_at', 'id'])
        .execute()
      await db.schema
        .createIndex('deliveries_finished')
        .on('deliveries')
        .columns(['finished_at', 'id'])
        .where(sql.ref('finished_at'), 'is not', null)
        .execute()

      await db.schema
        .createTable('delivery_attempts')
        .addColumn('delivery_id', text, (c) => c.notNull())
        .addColumn('number', count, (c) => c.notNull())
        .addColumn('at', time, (c) => c.notNull())
        .addColumn('ms', count, (c) => c.notNull())
        .addColumn('status', count)
        .addColumn('error', text)
        .addColumn('answer', text, (c) => c.notNull())
        .addPrimaryKeyConstraint('delivery_attempts_key', ['delivery_id', 'number'])
        .modifyEnd(clustered)
        .execute()

      // Sealed: sites before django-cloudspotlicense 6.2 find the user of an event by the token that they stored last.
      await db.schema
        .createTable('last_tokens')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('application_id', text, (c) => c.notNull())
        .addColumn('user_id', text, (c) => c.notNull())
        .addColumn('token_id', text, (c) => c.notNull())
        .addColumn('sealed', text, (c) => c.notNull())
        .addColumn('ends_at', time, (c) => c.notNull())
        .modifyEnd(clustered)
        .execute()
      await db.schema
        .createIndex('last_tokens_user')
        .unique()
        .on('last_tokens')
        .columns(['user_id', 'application_id'])
        .execute()
      await db.schema.createIndex('last_tokens_token').on('last_tokens').column('token_id').execute()
      await db.schema.createIndex('last_tokens_application').on('last_tokens').column('application_id').execute()
      await db.schema.createIndex('last_tokens_end').on('last_tokens').column('ends_at').execute()

      // Last, and short: on PostgreSQL this keeps all others out until the end.
      await db.schema
        .alterTable('applications')
        .addColumn('django_by_token', flag, (c) => c.notNull().defaultTo(0))
        .execute()
    },
  }
}
