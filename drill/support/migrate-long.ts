// A program for upgrade.ts: brings a house up to this program and one long step further, and is killed while it does.
import { sql } from 'kysely'
import { ownEnvironment, readConfig } from '../../packages/server/src/config.ts'
import { openDatabase } from '../../packages/server/src/db/database.ts'
import { allSteps, migrate } from '../../packages/server/src/db/migrate.ts'

const { database: address } = readConfig(ownEnvironment())
const database = openDatabase(address, { poolSize: 1, onIdleError: () => undefined, isPatient: true })
process.stdout.write('begins\n')
await migrate(database, {
  ...allSteps(database.kind),
  // As a later release might have it: columns, every row of two tables written, a table and indexes made.
  '9001-drill': {
    async up(db) {
      await db.schema.alterTable('users').addColumn('nickname', 'text').execute()
      await sql`update users set nickname = first_name || ' ' || last_name`.execute(db)
      await db.schema.createIndex('users_nickname').on('users').columns(['nickname', 'id']).execute()
      await sql`create table grant_reasons as select id, reason, granted_at from grants`.execute(db)
      await db.schema.createIndex('grant_reasons_id').unique().on('grant_reasons').column('id').execute()
      await sql`update grants set reason = 'moved'`.execute(db)
      await db.schema.createIndex('grants_reason').on('grants').columns(['reason', 'granted_at', 'id']).execute()
    },
  },
})
process.stdout.write('done\n')
await database.close()
