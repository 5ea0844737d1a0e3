import { sql } from 'kysely'
import type { Database } from '../../src/db/database.ts'
import { allSteps, migrate } from '../../src/db/migrate.ts'

// Houses as released programs left them, each in plain SQL of its own schema: what today's code writes is no such house.
// What is released is added here, and never changed.

/** Of every house here. */
export const RELEASED = {
  user: 'user0@released.test',
  password: 'a drill is no emergency',
  company: '00000000-0000-4000-8000-000000000001',
  application: 'crm',
  /** A sign-in, a one-time token, and the key ring by which the house was sealed. */
  token: 'clt_Ptste5a0627UvMB60PEmWbpAXlf4nFOJGnLmgFgMzqj2sTDJE',
  oneTime: '6f0e2f0a-58a7-4a8e-9a3c-0d6f2f6b1c55',
  keys: '{"current":"kd73f53f1","keys":{"kd73f53f1":"KbIJjTaYOo7oHhvQgvTu1H71R36Qg3KWgd5DuPoMgSc="}}',
} as const

const THEN = Date.UTC(2026, 0, 1)
const LATER = Date.UTC(2100, 0, 1)
const ALWAYS = Number.MAX_SAFE_INTEGER

/** Numbers from 0 as rows, and a UUID made of such a number. */
const rows = (count: number) => `with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ${count})`
const uuid = (kind: number) =>
  `'00000000-0000-4000-800${kind}-' || substr('000000000000', 1, 12 - length('' || i)) || i`

/** The number of a row whose id ends with it. */
const number = (id: string) => `cast(substr(${id}, 25) as integer)`

const HOUSES: Record<string, (users: number) => string[]> = {
  '0001-house': house,
  // Seats have numbers, and grants name them; every fifth lost both.
  '0003-seat-numbers': (users) => [
    ...house(users, { isNumbered: true }),
    `update grants set revoked_at = ${THEN} + 1 where ${number('user_id')} % 5 = 3`,
    `delete from seats where ${number('user_id')} % 5 = 3`,
    `update licenses set seats_held = (select count(*) from seats s where s.company_id = licenses.company_id)`,
    `insert into password_schemes (scheme) values ('pbkdf2_sha256 1')`,
  ],
  // Every fifth has the grant through a role, or had it for a time, or lost it with the seat, or by itself.
  '0002-sign-in-holds': (users) => [
    ...house(users),
    `update grants set permission_id = null, role_id = (select id from roles where key = 'own') where ${number('id')} % 5 = 1`,
    `update grants set starts_at = ${THEN}, ends_at = ${THEN} + 1 where ${number('id')} % 5 = 2`,
    `update grants set revoked_at = ${THEN} + 1 where ${number('id')} % 5 > 2`,
    `delete from seats where ${number('user_id')} % 5 = 3`,
    `update licenses set seats_held = (select count(*) from seats s where s.company_id = licenses.company_id)`,
    `insert into password_schemes (scheme) values ('pbkdf2_sha256 1')`,
    `insert into known_addresses (user_id, address, last_at) ${rows(users)} select ${uuid(1)}, '192.0.2.1', ${THEN} from n`,
    `insert into throttles (key, user_id, address, tries, last_at, next_at) ${rows(users)} select 'user ' || ${uuid(1)}, ${uuid(1)}, null, 3, ${THEN}, ${THEN} from n`,
  ],
}

function house(users: number, { isNumbered = false } = {}): string[] {
  return [
    `insert into house (name, value) values ('key_check', 'kd73f53f1.MQaxVRudPkHQgeXVpRnUpV01DfxWsO1Rx1vA5uDo6HelffMv3CE'), ('created_at', '${THEN}')`,
    `insert into companies (id, name, active, created_at, updated_at) values
      ('${RELEASED.company}', 'ACME', 1, ${THEN}, ${THEN}), ('00000000-0000-4000-8000-000000000002', 'Globex', 0, ${THEN}, ${THEN})`,
    `insert into applications (id, name, dialect, exposes_pin, active, secret_hash, token_days, token_idle_days, tree_version, sessions_ended_at, created_at, updated_at)
      values ('crm', 'CRM', 'v1', 1, 1, null, null, 0, 3, 0, ${THEN}, ${THEN}), ('attic', 'Attic', 'v1', 0, 0, 'x', 7, 2, 1, ${THEN}, ${THEN}, ${THEN})`,
    `insert into permissions (application_id, slug, name, description, needs, operator_only)
      values ('crm', 'use_app', 'Use', '', null, 0), ('attic', 'use_app', 'Use', '', null, 0)`,
    `insert into permissions (application_id, slug, name, description, needs, operator_only)
      select 'crm', 'list_invoices', 'See invoices', 'All of them', id, 0 from permissions where application_id = 'crm' and slug = 'use_app'`,
    `insert into permissions (application_id, slug, name, description, needs, operator_only)
      select 'crm', 'create_invoice', 'Make invoices', '', id, 0 from permissions where application_id = 'crm' and slug = 'list_invoices'`,
    `insert into roles (application_id, company_id, key, name) values ('crm', null, 'clerk', 'Clerk'), ('crm', '${RELEASED.company}', 'own', 'Own')`,
    `insert into role_permissions (role_id, permission_id) select r.id, p.id from roles r, permissions p
      where r.application_id = 'crm' and p.application_id = 'crm' and p.slug = 'list_invoices'`,
    `insert into licenses (company_id, application_id, starts_at, ends_at, grace_days, seats, seats_held, suspended, includes_all, note, created_at, updated_at)
      values ('${RELEASED.company}', 'crm', 0, ${ALWAYS}, 14, null, ${users}, 0, 1, 'Ordered by phone', ${THEN}, ${THEN}),
        ('00000000-0000-4000-8000-000000000002', 'crm', 0, ${THEN}, 0, 5, 0, 1, 0, '', ${THEN}, ${THEN})`,
    `insert into license_permissions (company_id, application_id, permission_id)
      select '00000000-0000-4000-8000-000000000002', 'crm', id from permissions where application_id = 'crm' and slug = 'use_app'`,
    `insert into license_roles (company_id, application_id, role_id)
      select '${RELEASED.company}', 'crm', id from roles where application_id = 'crm' and key = 'clerk'`,
    // The first half has a password of another system, the rest none; every seventh is switched off, but the first.
    `insert into users (id, email, first_name, last_name, pin, password_hash, password_foreign, active, operator, managed_by, sessions_ended_at, created_at, updated_at)
      ${rows(users)} select ${uuid(1)}, 'user' || i || '@released.test', 'User', 'Nº ' || i, '4711',
        case when i * 2 < ${users} then 'pbkdf2_sha256$1$drillsalt$H8nh8ZPaIP3YqjTVI5BIE1aqXqcA0WZpxeg1Maj0zQQ=' end,
        case when i * 2 < ${users} then 1 else 0 end, case when i > 0 and i % 7 = 0 then 0 else 1 end, 0, null, 0, ${THEN}, ${THEN} + i from n`,
    `insert into memberships (user_id, company_id, role, is_primary, active, joined_at)
      ${rows(users)} select ${uuid(1)}, '${RELEASED.company}', 'member', 1, 1, ${THEN} from n`,
    `insert into seats (user_id, application_id, company_id, starts_at, ends_at, given_at)
      ${rows(users)} select ${uuid(1)}, 'crm', '${RELEASED.company}', 0, ${ALWAYS}, ${THEN} from n`,
    isNumbered
      ? `insert into grants (id, company_id, application_id, user_id, seat, permission_id, role_id, item, starts_at, ends_at, reason, granted_by, granted_at, revoked_at)
      ${rows(users)} select ${uuid(2)}, '${RELEASED.company}', 'crm', ${uuid(1)}, s.number, p.id, null, p.id, 0, ${ALWAYS}, 'since then', 'seed', ${THEN}, 0
        from n, permissions p, seats s where p.application_id = 'crm' and p.slug = 'create_invoice' and s.user_id = ${uuid(1)}`
      : `insert into grants (id, company_id, application_id, user_id, permission_id, role_id, starts_at, ends_at, reason, granted_by, granted_at, revoked_at)
      ${rows(users)} select ${uuid(2)}, '${RELEASED.company}', 'crm', ${uuid(1)}, p.id, null, 0, ${ALWAYS}, 'since then', 'seed', ${THEN}, 0
        from n, permissions p where p.application_id = 'crm' and p.slug = 'create_invoice'`,
    `insert into impersonations (id, hash, user_id, company_id, application_id, started_by, reason, created_at, expires_at, session_ends_at, used_at)
      values ('00000000-0000-4000-8003-000000000000', 'Atik5YZ9FqA6MhUt1Hx5xJ60ndNsHzE5DkkPA0WV4to', '00000000-0000-4000-8001-000000000000',
        '${RELEASED.company}', 'crm', 'olga@released.test', 'A call', ${THEN}, ${LATER}, ${LATER}, null)`,
    `insert into tokens (hash, id, user_id, application_id, issued_at, expires_at, idle_limit, last_used_at, revoked_at, only_company_id, impersonation_id)
      ${rows(users)} select case when i = 0 then 'rSq8-OnpglCx-rNWanLRKp61Gd-Cz0DJ0TsqmoIs5GA' else 'hash ' || i end, ${uuid(4)}, ${uuid(1)}, 'crm',
        ${THEN}, ${LATER}, 0, ${THEN}, case when i % 3 = 1 then ${THEN} + 1 end, null, null from n`,
    `insert into refusals (kind, application_id, subject, times, first_at, last_at) values ('token_of_another_application', 'crm', 'x', 3, ${THEN}, ${THEN})`,
  ]
}

/** Names of the steps at which a release was made. */
export const RELEASES: readonly string[] = Object.keys(HOUSES).sort()

/** Makes an empty database the house that the program of that step left, with so many users. */
export async function makeReleased(database: Database, release: string, users: number): Promise<void> {
  const steps = Object.entries(allSteps(database.kind)).filter(([name]) => name <= release)
  await migrate(database, Object.fromEntries(steps))
  await database.transaction(async (tx) => {
    for (const statement of HOUSES[release]?.(users) ?? []) await sql.raw(statement).execute(tx)
  })
}
