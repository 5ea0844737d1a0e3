import { type ColumnDefinitionBuilder, type Kysely, sql } from 'kysely'
import type { SchemaDialect } from './dialect.ts'

/** Everything that the rule is about: users, companies, applications, licenses, seats, grants; tokens; notes of refusals. */
export function house(dialect: SchemaDialect) {
  const { time, flag, count, text, numbered, clustered, strict } = dialect
  return {
    // biome-ignore lint/suspicious/noExplicitAny: Kysely's migrations run on a schema that is not typed yet.
    async up(db: Kysely<any>): Promise<void> {
      const reference = (target: string) => (column: ColumnDefinitionBuilder) => column.notNull().references(target)

      await db.schema
        .createTable('house')
        .addColumn('name', text, (c) => c.primaryKey().notNull())
        .addColumn('value', text, (c) => c.notNull())
        .modifyEnd(strict)
        .execute()

      await db.schema
        .createTable('companies')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('name', text, (c) => c.notNull())
        .addColumn('active', flag, (c) => c.notNull())
        .addColumn('created_at', time, (c) => c.notNull())
        .addColumn('updated_at', time, (c) => c.notNull())
        .modifyEnd(clustered)
        .execute()
      await db.schema.createIndex('companies_name').on('companies').columns(['name', 'id']).execute()

      await db.schema
        .createTable('users')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('email', text, (c) => c.notNull())
        .addColumn('first_name', text, (c) => c.notNull())
        .addColumn('last_name', text, (c) => c.notNull())
        .addColumn('pin', text)
        .addColumn('password_hash', text)
        .addColumn('password_foreign', flag, (c) => c.notNull())
        .addColumn('active', flag, (c) => c.notNull())
        .addColumn('operator', flag, (c) => c.notNull())
        .addColumn('managed_by', text, (c) => c.references('companies.id'))
        .addColumn('sessions_ended_at', time, (c) => c.notNull())
        .addColumn('created_at', time, (c) => c.notNull())
        .addColumn('updated_at', time, (c) => c.notNull())
        .modifyEnd(clustered)
        .execute()
      await db.schema.createIndex('users_email').unique().on('users').column('email').execute()
      await db.schema
        .createIndex('users_managed_by')
        .on('users')
        .column('managed_by')
        .where(sql.ref('managed_by'), 'is not', null)
        .execute()

      await db.schema
        .createTable('memberships')
        .addColumn('user_id', text, reference('users.id'))
        .addColumn('company_id', text, reference('companies.id'))
        .addColumn('role', text, (c) => c.notNull().check(sql`role in ('member', 'admin')`))
        .addColumn('is_primary', flag, (c) => c.notNull())
        .addColumn('active', flag, (c) => c.notNull())
        .addColumn('joined_at', time, (c) => c.notNull())
        .addPrimaryKeyConstraint('memberships_key', ['user_id', 'company_id'])
        .modifyEnd(clustered)
        .execute()
      await db.schema.createIndex('memberships_company').on('memberships').columns(['company_id', 'user_id']).execute()
      await db.schema
        .createIndex('memberships_one_primary')
        .unique()
        .on('memberships')
        .column('user_id')
        .where(sql.ref('is_primary'), '=', sql.lit(1))
        .execute()

      await db.schema
        .createTable('applications')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('name', text, (c) => c.notNull())
        .addColumn('dialect', text, (c) => c.notNull())
        .addColumn('exposes_pin', flag, (c) => c.notNull())
        .addColumn('active', flag, (c) => c.notNull())
        .addColumn('secret_hash', text)
        .addColumn('token_days', count)
        .addColumn('token_idle_days', count)
        .addColumn('tree_version', count, (c) => c.notNull())
        .addColumn('sessions_ended_at', time, (c) => c.notNull())
        .addColumn('created_at', time, (c) => c.notNull())
        .addColumn('updated_at', time, (c) => c.notNull())
        .modifyEnd(clustered)
        .execute()

      await db.schema
        .createTable('permissions')
        .addColumn('id', numbered.type, numbered.column)
        .addColumn('application_id', text, reference('applications.id'))
        .addColumn('slug', text, (c) => c.notNull())
        .addColumn('name', text, (c) => c.notNull())
        .addColumn('description', text, (c) => c.notNull())
        .addColumn('needs', count, (c) => c.references('permissions.id'))
        .addColumn('operator_only', flag, (c) => c.notNull())
        .addUniqueConstraint('permissions_slug', ['application_id', 'slug'])
        // What a grant, a role or a license names must be of the same application.
        .addUniqueConstraint('permissions_of_application', ['application_id', 'id'])
        .modifyEnd(strict)
        .execute()

      await db.schema
        .createTable('roles')
        .addColumn('id', numbered.type, numbered.column)
        .addColumn('application_id', text, reference('applications.id'))
        .addColumn('company_id', text, (c) => c.references('companies.id'))
        .addColumn('key', text, (c) => c.notNull())
        .addColumn('name', text, (c) => c.notNull())
        .addUniqueConstraint('roles_of_application', ['application_id', 'id'])
        .modifyEnd(strict)
        .execute()
      await db.schema
        .createIndex('roles_key')
        .unique()
        .on('roles')
        .columns(['application_id', 'key'])
        .where(sql.ref('company_id'), 'is', null)
        .execute()
      await db.schema
        .createIndex('roles_company_key')
        .unique()
        .on('roles')
        .columns(['application_id', 'company_id', 'key'])
        .where(sql.ref('company_id'), 'is not', null)
        .execute()

      await db.schema
        .createTable('role_permissions')
        .addColumn('role_id', count, reference('roles.id'))
        .addColumn('permission_id', count, reference('permissions.id'))
        .addPrimaryKeyConstraint('role_permissions_key', ['role_id', 'permission_id'])
        .modifyEnd(clustered)
        .execute()
      await db.schema
        .createIndex('role_permissions_permission')
        .on('role_permissions')
        .column('permission_id')
        .execute()

      await db.schema
        .createTable('licenses')
        .addColumn('company_id', text, reference('companies.id'))
        .addColumn('application_id', text, reference('applications.id'))
        .addColumn('starts_at', time, (c) => c.notNull())
        .addColumn('ends_at', time, (c) => c.notNull())
        .addColumn('grace_days', count, (c) => c.notNull())
        .addColumn('seats', count)
        .addColumn('seats_held', count, (c) => c.notNull().check(sql`seats_held >= 0`))
        .addColumn('suspended', flag, (c) => c.notNull())
        .addColumn('includes_all', flag, (c) => c.notNull())
        .addColumn('note', text, (c) => c.notNull())
        .addColumn('created_at', time, (c) => c.notNull())
        .addColumn('updated_at', time, (c) => c.notNull())
        .addPrimaryKeyConstraint('licenses_key', ['company_id', 'application_id'])
        .addCheckConstraint('licenses_interval', sql`starts_at < ends_at`)
        .modifyEnd(clustered)
        .execute()
      await db.schema.createIndex('licenses_application').on('licenses').column('application_id').execute()

      await db.schema
        .createTable('license_permissions')
        .addColumn('company_id', text, (c) => c.notNull())
        .addColumn('application_id', text, (c) => c.notNull())
        .addColumn('permission_id', count, (c) => c.notNull())
        .addPrimaryKeyConstraint('license_permissions_key', ['company_id', 'application_id', 'permission_id'])
        .addForeignKeyConstraint('license_permissions_license', ['company_id', 'application_id'], 'licenses', [
          'company_id',
          'application_id',
        ])
        .addForeignKeyConstraint('license_permissions_permission', ['application_id', 'permission_id'], 'permissions', [
          'application_id',
          'id',
        ])
        .modifyEnd(clustered)
        .execute()

      await db.schema
        .createTable('license_roles')
        .addColumn('company_id', text, (c) => c.notNull())
        .addColumn('application_id', text, (c) => c.notNull())
        .addColumn('role_id', count, (c) => c.notNull())
        .addPrimaryKeyConstraint('license_roles_key', ['company_id', 'application_id', 'role_id'])
        .addForeignKeyConstraint('license_roles_license', ['company_id', 'application_id'], 'licenses', [
          'company_id',
          'application_id',
        ])
        .addForeignKeyConstraint('license_roles_role', ['application_id', 'role_id'], 'roles', ['application_id', 'id'])
        .modifyEnd(clustered)
        .execute()

      await db.schema
        .createTable('seats')
        .addColumn('user_id', text, (c) => c.notNull())
        .addColumn('application_id', text, (c) => c.notNull())
        .addColumn('company_id', text, (c) => c.notNull())
        .addColumn('starts_at', time, (c) => c.notNull())
        .addColumn('ends_at', time, (c) => c.notNull())
        .addColumn('given_at', time, (c) => c.notNull())
        .addPrimaryKeyConstraint('seats_key', ['user_id', 'application_id', 'company_id'])
        .addForeignKeyConstraint('seats_membership', ['user_id', 'company_id'], 'memberships', [
          'user_id',
          'company_id',
        ])
        .addForeignKeyConstraint('seats_license', ['company_id', 'application_id'], 'licenses', [
          'company_id',
          'application_id',
        ])
        .addCheckConstraint('seats_interval', sql`starts_at < ends_at`)
        .modifyEnd(clustered)
        .execute()
      await db.schema
        .createIndex('seats_company')
        .on('seats')
        .columns(['company_id', 'application_id', 'user_id'])
        .execute()

      await db.schema
        .createTable('grants')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('company_id', text, (c) => c.notNull())
        .addColumn('application_id', text, (c) => c.notNull())
        .addColumn('user_id', text, (c) => c.notNull())
        .addColumn('permission_id', count)
        .addColumn('role_id', count)
        .addColumn('starts_at', time, (c) => c.notNull())
        .addColumn('ends_at', time, (c) => c.notNull())
        .addColumn('reason', text, (c) => c.notNull())
        .addColumn('granted_by', text, (c) => c.notNull())
        .addColumn('granted_at', time, (c) => c.notNull())
        // Never null: an index can only answer by itself what it holds as a value.
        .addColumn('revoked_at', time, (c) => c.notNull())
        .addForeignKeyConstraint('grants_membership', ['user_id', 'company_id'], 'memberships', [
          'user_id',
          'company_id',
        ])
        .addForeignKeyConstraint('grants_permission', ['application_id', 'permission_id'], 'permissions', [
          'application_id',
          'id',
        ])
        .addForeignKeyConstraint('grants_role', ['application_id', 'role_id'], 'roles', ['application_id', 'id'])
        .addCheckConstraint('grants_one_item', sql`(permission_id is null) <> (role_id is null)`)
        .addCheckConstraint('grants_interval', sql`starts_at < ends_at`)
        .modifyEnd(clustered)
        .execute()
      // These two hold a grant once per item and interval, and cover the query of every answer (tests/access/plan.test.ts).
      for (const item of ['permission', 'role']) {
        await db.schema
          .createIndex(`grants_${item}s_in_force`)
          .unique()
          .on('grants')
          .columns(['user_id', 'application_id', 'company_id', 'revoked_at', `${item}_id`, 'starts_at', 'ends_at'])
          .where(sql.ref('revoked_at'), '=', sql.lit(0))
          .where(sql.ref(`${item}_id`), 'is not', null)
          .execute()
      }

      await db.schema
        .createTable('impersonations')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('hash', text, (c) => c.notNull().unique())
        .addColumn('user_id', text, reference('users.id'))
        .addColumn('company_id', text, reference('companies.id'))
        .addColumn('application_id', text, reference('applications.id'))
        .addColumn('started_by', text)
        .addColumn('reason', text, (c) => c.notNull())
        .addColumn('created_at', time, (c) => c.notNull())
        .addColumn('expires_at', time, (c) => c.notNull())
        .addColumn('session_ends_at', time, (c) => c.notNull())
        .addColumn('used_at', time)
        .modifyEnd(clustered)
        .execute()

      await db.schema
        .createTable('tokens')
        .addColumn('hash', text, (c) => c.primaryKey().notNull())
        .addColumn('id', text, (c) => c.notNull().unique())
        .addColumn('user_id', text, reference('users.id'))
        .addColumn('application_id', text, reference('applications.id'))
        .addColumn('issued_at', time, (c) => c.notNull())
        .addColumn('expires_at', time, (c) => c.notNull())
        .addColumn('idle_limit', time, (c) => c.notNull())
        .addColumn('last_used_at', time, (c) => c.notNull())
        .addColumn('revoked_at', time)
        .addColumn('only_company_id', text, (c) => c.references('companies.id'))
        .addColumn('impersonation_id', text, (c) => c.references('impersonations.id'))
        .modifyEnd(clustered)
        .execute()
      // For "the last one issued", which ending all sessions compares with.
      await db.schema.createIndex('tokens_user').on('tokens').columns(['user_id', 'issued_at']).execute()
      // For clearing away those that ended.
      await db.schema.createIndex('tokens_expiry').on('tokens').column('expires_at').execute()
      await db.schema.createIndex('tokens_application').on('tokens').columns(['application_id', 'issued_at']).execute()

      await db.schema
        .createTable('refusals')
        .addColumn('kind', text, (c) => c.notNull())
        .addColumn('application_id', text, (c) => c.notNull())
        .addColumn('subject', text, (c) => c.notNull())
        .addColumn('times', count, (c) => c.notNull())
        .addColumn('first_at', time, (c) => c.notNull())
        .addColumn('last_at', time, (c) => c.notNull())
        .addPrimaryKeyConstraint('refusals_key', ['kind', 'application_id', 'subject'])
        .modifyEnd(clustered)
        .execute()
      await db.schema.createIndex('refusals_last_at').on('refusals').column('last_at').execute()
    },
  }
}
