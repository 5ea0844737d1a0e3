import { type Kysely, sql } from 'kysely'
import { searchTerm, userTerms } from '../../domain/search-term.ts'
import type { SchemaDialect } from './dialect.ts'

// biome-ignore lint/suspicious/noExplicitAny: Kysely's migrations run on a schema that is not typed yet.
type Untyped = Kysely<any>

/** Who runs the house: API keys, supporters, the audit; and finding users and companies by how their names begin. */
export function managed({ time, flag, text, sorted, clustered, strict }: SchemaDialect) {
  return {
    async up(db: Untyped): Promise<void> {
      // For the list of what a member was given.
      await db.schema
        .createIndex('grants_member')
        .on('grants')
        .columns(['user_id', 'company_id', 'application_id'])
        .execute()

      // For whom a permission or a role was given to.
      await db.schema
        .createIndex('grants_item')
        .on('grants')
        .columns(['item', 'seat'])
        .where(sql.ref('revoked_at'), '=', sql.lit(0))
        .execute()

      // For a company's own.
      await db.schema
        .createIndex('roles_company')
        .on('roles')
        .columns(['company_id', 'application_id', 'key'])
        .where(sql.ref('company_id'), 'is not', null)
        .execute()

      await db.schema
        .createTable('api_keys')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('hash', text, (c) => c.notNull().unique())
        .addColumn('name', text, (c) => c.notNull())
        .addColumn('power', text, (c) =>
          c.notNull().check(sql`power in ('operator', 'support', 'company', 'application')`),
        )
        .addColumn('user_id', text, (c) => c.references('users.id'))
        .addColumn('company_id', text, (c) => c.references('companies.id'))
        .addColumn('application_id', text, (c) => c.references('applications.id'))
        .addColumn('scopes', text, (c) => c.notNull())
        .addColumn('created_by', text, (c) => c.notNull())
        .addColumn('created_at', time, (c) => c.notNull())
        .addColumn('expires_at', time, (c) => c.notNull())
        .addColumn('last_used_at', time, (c) => c.notNull())
        .addColumn('revoked_at', time)
        .addCheckConstraint('api_keys_company', sql`(power = 'company') = (company_id is not null)`)
        .addCheckConstraint('api_keys_application', sql`(power = 'application') = (application_id is not null)`)
        .modifyEnd(clustered)
        .execute()
      await db.schema
        .createIndex('api_keys_company_id')
        .on('api_keys')
        .columns(['company_id', 'id'])
        .where(sql.ref('company_id'), 'is not', null)
        .execute()
      // For ending them with the user.
      await db.schema
        .createIndex('api_keys_user_id')
        .on('api_keys')
        .column('user_id')
        .where(sql.ref('user_id'), 'is not', null)
        .execute()

      await db.schema
        .createTable('audit_entries')
        .addColumn('id', text, (c) => c.primaryKey().notNull())
        .addColumn('at', time, (c) => c.notNull())
        .addColumn('act', text, (c) => c.notNull())
        .addColumn('actor_kind', text, (c) => c.notNull())
        .addColumn('actor_id', text, (c) => c.notNull())
        .addColumn('behind_id', text)
        .addColumn('target_kind', text, (c) => c.notNull())
        .addColumn('target_id', text, (c) => c.notNull())
        .addColumn('company_id', text)
        .addColumn('application_id', text)
        .addColumn('request_id', text)
        .addColumn('data', text, (c) => c.notNull())
        .addColumn('personal_hash', text)
        .addColumn('source_hash', text)
        // Null until it is sealed.
        .addColumn('seq', time)
        .addColumn('mac', text)
        .addColumn('key_id', text)
        .modifyEnd(strict)
        .execute()
      await db.schema
        .createIndex('audit_entries_seq')
        .unique()
        .on('audit_entries')
        .column('seq')
        .where(sql.ref('seq'), 'is not', null)
        .execute()
      await db.schema
        .createIndex('audit_entries_unsealed')
        .on('audit_entries')
        .column('id')
        .where(sql.ref('seq'), 'is', null)
        .execute()
      for (const column of ['company_id', 'target_id', 'actor_id'])
        await db.schema
          .createIndex(`audit_entries_${column}`)
          .on('audit_entries')
          .columns([column, 'id'])
          .where(sql.ref(column), 'is not', null)
          .execute()

      // What is a person's in an entry. It can be erased: the chain holds no more than a salted hash of it.
      await db.schema
        .createTable('audit_personal')
        .addColumn('entry_id', text, (c) => c.notNull())
        .addColumn('part', text, (c) => c.notNull().check(sql`part in ('about', 'source')`))
        .addColumn('subject_id', text, (c) => c.notNull())
        .addColumn('salt', text, (c) => c.notNull())
        .addColumn('data', text, (c) => c.notNull())
        .addPrimaryKeyConstraint('audit_personal_key', ['entry_id', 'part'])
        .modifyEnd(clustered)
        .execute()
      await db.schema.createIndex('audit_personal_subject').on('audit_personal').column('subject_id').execute()

      await db.schema
        .createTable('user_terms')
        .addColumn('term', sorted, (c) => c.notNull())
        .addColumn('user_id', text, (c) => c.notNull().references('users.id'))
        .addPrimaryKeyConstraint('user_terms_key', ['term', 'user_id'])
        .modifyEnd(clustered)
        .execute()
      await db.schema.createIndex('user_terms_user').on('user_terms').columns(['user_id', 'term']).execute()
      await fillUserTerms(db)

      // Last, and short: on PostgreSQL these keep all others out until the end.
      // Grants of then still name a role that was deleted; its key is free again.
      await db.schema.alterTable('roles').addColumn('deleted_at', time).execute()
      for (const [index, columns, owner] of [
        ['roles_key', ['application_id', 'key'], 'is'],
        ['roles_company_key', ['application_id', 'company_id', 'key'], 'is not'],
      ] as const) {
        await db.schema.dropIndex(index).execute()
        await db.schema
          .createIndex(index)
          .unique()
          .on('roles')
          .columns([...columns])
          .where(sql.ref('company_id'), owner, null)
          .where(sql.ref('deleted_at'), 'is', null)
          .execute()
      }
      await db.schema
        .alterTable('users')
        .addColumn('support', flag, (c) => c.notNull().defaultTo(0))
        .execute()

      // By it a seat that is given again can have its grants again.
      await db.schema
        .alterTable('grants')
        .addColumn('ended_with_seat', flag, (c) => c.notNull().defaultTo(0))
        .execute()
      // When somebody was taken out of a company: the row stays, for the grants of then.
      await db.schema.alterTable('memberships').addColumn('left_at', time).execute()
      // Taken out of a company was switched off, and without a seat.
      await sql`update memberships set left_at = joined_at, role = 'member' where active = 0 and not exists (
        select 1 from seats s where s.user_id = memberships.user_id and s.company_id = memberships.company_id)`.execute(
        db,
      )

      await db.schema
        .alterTable('companies')
        .addColumn('term', sorted, (c) => c.notNull().defaultTo(''))
        .execute()
      await fillCompanyTerms(db)
      await db.schema.createIndex('companies_term').on('companies').columns(['term', 'id']).execute()
    },
  }
}

const PAGE = 1_000

async function fillUserTerms(db: Untyped): Promise<void> {
  for (let after = ''; ; ) {
    const rows: { id: string; email: string; first_name: string; last_name: string; deleted_at: number | null }[] =
      await db
        .selectFrom('users')
        .select(['id', 'email', 'first_name', 'last_name', 'deleted_at'])
        .where('id', '>', after)
        .orderBy('id')
        .limit(PAGE)
        .execute()
    const terms = rows
      .filter((row) => row.deleted_at === null)
      .flatMap((row) => {
        const user = { email: row.email, firstName: row.first_name, lastName: row.last_name }
        return userTerms(user).map((term) => ({ term, user_id: row.id }))
      })
    if (terms.length > 0) await db.insertInto('user_terms').values(terms).execute()
    const last = rows.at(-1)
    if (!last) return
    after = last.id
  }
}

async function fillCompanyTerms(db: Untyped): Promise<void> {
  const rows: { id: string; name: string }[] = await db.selectFrom('companies').select(['id', 'name']).execute()
  for (const { id, name } of rows)
    await db
      .updateTable('companies')
      .set({ term: searchTerm(name) })
      .where('id', '=', id)
      .execute()
}
