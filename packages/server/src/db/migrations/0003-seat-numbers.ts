import { type CreateTableBuilder, type Kysely, sql } from 'kysely'
import type { SchemaDialect } from './dialect.ts'

type Reference = { name: string; columns: string[]; table: string; targets: string[]; isSetNull?: boolean }

// biome-ignore lint/suspicious/noExplicitAny: Kysely's migrations run on a schema that is not typed yet.
type Untyped = Kysely<any>

const MEMBERSHIP = { columns: ['user_id', 'company_id'], table: 'memberships', targets: ['user_id', 'company_id'] }

const OF_SEATS: readonly Reference[] = [
  { name: 'seats_membership', ...MEMBERSHIP },
  {
    name: 'seats_license',
    columns: ['company_id', 'application_id'],
    table: 'licenses',
    targets: ['company_id', 'application_id'],
  },
]

const OF_GRANTS: readonly Reference[] = [
  // Null when the seat was taken away: user, application and company say whose it was.
  { name: 'grants_under_seat', columns: ['seat'], table: 'seats', targets: ['number'], isSetNull: true },
  { name: 'grants_membership', ...MEMBERSHIP },
  {
    name: 'grants_permission',
    columns: ['application_id', 'permission_id'],
    table: 'permissions',
    targets: ['application_id', 'id'],
  },
  { name: 'grants_role', columns: ['application_id', 'role_id'], table: 'roles', targets: ['application_id', 'id'] },
]

/**
 * Seats get numbers, and grants name their seat by it: the indexes that every answer reads hold one number for three UUIDs
 * (docs/decisions/0002). Both tables are made anew, since SQLite can't change how a table's rows lie: with a row number of
 * their own, a grant's id is in one index, not in all.
 */
export function seatNumbers({ time, count, text, numbered, strict, addsReferences }: SchemaDialect) {
  // Row by row PostgreSQL would keep a note of each reference in memory: of ten million grants half a gigabyte.
  const atOnce = (table: CreateTableBuilder<string, string>, references: readonly Reference[]) => {
    if (addsReferences) return table
    let made = table
    for (const each of references)
      made = made.addForeignKeyConstraint(each.name, each.columns, each.table, each.targets, (c) =>
        each.isSetNull ? c.onDelete('set null') : c,
      )
    return made
  }
  const later = async (db: Untyped, table: string, references: readonly Reference[]) => {
    if (!addsReferences) return
    for (const each of references) {
      const adding = db.schema
        .alterTable(table)
        .addForeignKeyConstraint(each.name, each.columns, each.table, each.targets)
      await (each.isSetNull ? adding.onDelete('set null') : adding).execute()
    }
    // Nobody has looked at the new table yet, and the first answers are planned by what is known of it.
    await sql`analyze ${sql.table(table)}`.execute(db)
  }
  return {
    async up(db: Untyped): Promise<void> {
      // Names of indexes are the whole schema's: these must be free before the new tables take them.
      for (const index of ['seats_company', 'grants_permissions_in_force', 'grants_roles_in_force'])
        await db.schema.dropIndex(index).execute()
      await db.schema.alterTable('seats').renameTo('seats_before').execute()
      await db.schema.alterTable('grants').renameTo('grants_before').execute()

      const seats = db.schema
        .createTable('seats')
        .addColumn('number', numbered.type, numbered.column)
        .addColumn('user_id', text, (c) => c.notNull())
        .addColumn('application_id', text, (c) => c.notNull())
        .addColumn('company_id', text, (c) => c.notNull())
        .addColumn('starts_at', time, (c) => c.notNull())
        .addColumn('ends_at', time, (c) => c.notNull())
        .addColumn('given_at', time, (c) => c.notNull())
        .addUniqueConstraint('seats_of_user', ['user_id', 'application_id', 'company_id'])
        .addCheckConstraint('seats_interval', sql`starts_at < ends_at`)
        .modifyEnd(strict)
      await atOnce(seats, OF_SEATS).execute()
      await sql`insert into seats (user_id, application_id, company_id, starts_at, ends_at, given_at)
        select user_id, application_id, company_id, starts_at, ends_at, given_at from seats_before
        order by user_id, application_id, company_id`.execute(db)
      await later(db, 'seats', OF_SEATS)
      await db.schema.dropTable('seats_before').execute()
      await db.schema
        .createIndex('seats_company')
        .on('seats')
        .columns(['company_id', 'application_id', 'user_id'])
        .execute()

      const grants = db.schema
        .createTable('grants')
        .addColumn('id', text, (c) => c.notNull())
        .addColumn('company_id', text, (c) => c.notNull())
        .addColumn('application_id', text, (c) => c.notNull())
        .addColumn('user_id', text, (c) => c.notNull())
        .addColumn('seat', count)
        .addColumn('permission_id', count)
        .addColumn('role_id', count)
        // Either, so that one index holds both: a role's number is negative here. SQLite answers by no index what it generates.
        .addColumn('item', count, (c) => c.notNull().check(sql`item = coalesce(permission_id, -role_id)`))
        .addColumn('starts_at', time, (c) => c.notNull())
        .addColumn('ends_at', time, (c) => c.notNull())
        .addColumn('reason', text, (c) => c.notNull())
        .addColumn('granted_by', text, (c) => c.notNull())
        .addColumn('granted_at', time, (c) => c.notNull())
        .addColumn('revoked_at', time, (c) => c.notNull())
        .addPrimaryKeyConstraint('grants_key', ['id'])
        .addCheckConstraint('grants_one_item', sql`(permission_id is null) <> (role_id is null)`)
        .addCheckConstraint('grants_interval', sql`starts_at < ends_at`)
        .modifyEnd(strict)
      await atOnce(grants, OF_GRANTS).execute()
      await sql`insert into grants (id, company_id, application_id, user_id, seat, permission_id, role_id, item, starts_at, ends_at,
          reason, granted_by, granted_at, revoked_at)
        select g.id, g.company_id, g.application_id, g.user_id, s.number, g.permission_id, g.role_id,
          coalesce(g.permission_id, -g.role_id), g.starts_at, g.ends_at,
          g.reason, g.granted_by, g.granted_at, g.revoked_at
        from grants_before g left join seats s
          on s.user_id = g.user_id and s.application_id = g.application_id and s.company_id = g.company_id
        order by g.id`.execute(db)
      await later(db, 'grants', OF_GRANTS)
      await db.schema.dropTable('grants_before').execute()
      // For taking a seat away.
      await db.schema.createIndex('grants_seat').on('grants').column('seat').execute()
      // Holds a grant once per item and interval, and covers the query of every answer (tests/access/plan.test.ts).
      await db.schema
        .createIndex('grants_in_force')
        .unique()
        .on('grants')
        .columns(['seat', 'revoked_at', 'item', 'starts_at', 'ends_at'])
        .where(sql.ref('revoked_at'), '=', sql.lit(0))
        .execute()
    },
  }
}
