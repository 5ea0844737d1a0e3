import type { Database } from '../database.ts'

// `people_terms` follows `user_terms`, `memberships` and `users.managed_by`, whoever writes these: also a server of the release before.
// Who is a member is not in it as managed, too.

const INTO = 'insert into people_terms (company_id, is_member, is_address, term, user_id)'
const IS_ADDRESS = 'case when t.term = u.email then 1 else 0 end'

type Words = {
  /** Whether a list of values holds something, so that it is looked up in an index by each of them. */
  isIn(select: string): string
  /** At the end of a query that is asked for each row, and not joined with it. */
  apart: string
}

const noMember = ({ apart }: Words) => `not exists (select 1 from memberships m
  where m.user_id = u.id and m.company_id = u.managed_by and m.left_at is null ${apart})`

/**
 * Makes what there is of a user in a company anew. `company` and `user` are SQL. A user is looked up by id; `coalesce` keeps a plan
 * from going through all whom the company manages.
 */
function renew(words: Words, company: string, user: string): string[] {
  return [
    `delete from people_terms where company_id = ${company} and is_member in (0, 1) and is_address in (0, 1)
      and term ${words.isIn(`select term from user_terms where user_id = ${user}`)} and user_id = ${user}`,
    `${INTO} select m.company_id, 1, ${IS_ADDRESS}, t.term, t.user_id
      from memberships m join users u on u.id = m.user_id join user_terms t on t.user_id = m.user_id
      where m.user_id = ${user} and m.company_id = ${company} and m.left_at is null`,
    `${INTO} select u.managed_by, 0, ${IS_ADDRESS}, t.term, t.user_id
      from users u join user_terms t on t.user_id = u.id
      where u.id = ${user} and coalesce(u.managed_by, '') = ${company} and ${noMember(words)}`,
  ]
}

/** Takes away what a user was found by until now. */
function forget({ isIn }: Words): string {
  const companies = `select company_id from memberships where user_id = old.user_id
    union all select managed_by from users where id = old.user_id`
  return `delete from people_terms where company_id ${isIn(companies)} and is_member in (0, 1) and is_address in (0, 1)
    and term = old.term and user_id = old.user_id`
}

const SQLITE: Words = { isIn: (select) => `in (${select})`, apart: '' }

function sqliteTrigger(name: string, when: string, statements: readonly string[]): string {
  return `create trigger ${name} after ${when} begin ${statements.join('; ')}; end`
}

const ON_SQLITE = [
  sqliteTrigger('people_terms_added', 'insert on user_terms', [
    `${INTO} select m.company_id, 1, ${IS_ADDRESS}, t.term, t.user_id
      from memberships m join users u on u.id = m.user_id join user_terms t on t.user_id = m.user_id
      where m.user_id = new.user_id and m.left_at is null and t.term = new.term`,
    `${INTO} select u.managed_by, 0, ${IS_ADDRESS}, t.term, t.user_id
      from users u join user_terms t on t.user_id = u.id
      where u.id = new.user_id and u.managed_by is not null and t.term = new.term and ${noMember(SQLITE)}`,
  ]),
  sqliteTrigger('people_terms_gone', 'delete on user_terms', [forget(SQLITE)]),
  sqliteTrigger('people_terms_joined', 'insert on memberships', renew(SQLITE, 'new.company_id', 'new.user_id')),
  sqliteTrigger(
    'people_terms_left',
    'update of left_at on memberships when (old.left_at is null) <> (new.left_at is null)',
    renew(SQLITE, 'new.company_id', 'new.user_id'),
  ),
  sqliteTrigger('people_terms_removed', 'delete on memberships', renew(SQLITE, 'old.company_id', 'old.user_id')),
  sqliteTrigger('people_terms_managed', 'update of managed_by on users when old.managed_by is not new.managed_by', [
    ...renew(SQLITE, 'old.managed_by', 'new.id'),
    ...renew(SQLITE, 'new.managed_by', 'new.id'),
  ]),
]

// A plan is made once a connection, maybe when there is hardly anybody yet: written so that it suits a house of any size.
const POSTGRES: Words = { isIn: (select) => `= any (array(${select}))`, apart: 'offset 0' }

/** Each made by the name of the function that it calls. */
function postgresTrigger(name: string, when: string, statements: readonly string[]): string[] {
  return [
    `create or replace function ${name}() returns trigger language plpgsql
      set plan_cache_mode = force_generic_plan
      set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
      as $$ begin ${statements.join('; ')}; return null; end $$`,
    `create trigger ${name} after ${when} execute function ${name}()`,
  ]
}

/** The person's own row first, as acts do it: of two who write at once the second sees what the first wrote. */
const lock = (users: string) => `perform 1 from users where id = any (array(${users})) order by id for no key update`

const nobodyYet = (user: string) =>
  `if not exists (select 1 from user_terms where user_id = ${user}) then return null; end if`

const each = (name: string, select: string) => `cross join lateral (${select} offset 0) ${name}`
const WHO = `(select distinct user_id from added) a
  ${each('u', 'select id, email, managed_by from users where id = a.user_id')}
  ${each('t', 'select term, user_id from user_terms where user_id = a.user_id')}`

const ON_POSTGRES = [
  // Of many users at once when they move in.
  ...postgresTrigger('people_terms_added', 'insert on user_terms referencing new table as added for each statement', [
    lock('select user_id from added'),
    `${INTO} select m.company_id, 1, ${IS_ADDRESS}, t.term, t.user_id from ${WHO}
        ${each('m', 'select company_id from memberships where user_id = a.user_id and left_at is null')}
        on conflict do nothing`,
    `${INTO} select u.managed_by, 0, ${IS_ADDRESS}, t.term, t.user_id from ${WHO}
        where u.managed_by is not null and ${noMember(POSTGRES)} on conflict do nothing`,
  ]),
  ...postgresTrigger('people_terms_gone', 'delete on user_terms for each row', [
    lock('select old.user_id'),
    forget(POSTGRES),
  ]),
  ...postgresTrigger('people_terms_joined', 'insert on memberships for each row', [
    nobodyYet('new.user_id'),
    lock('select new.user_id'),
    ...renew(POSTGRES, 'new.company_id', 'new.user_id'),
  ]),
  ...postgresTrigger(
    'people_terms_left',
    'update of left_at on memberships for each row when ((old.left_at is null) <> (new.left_at is null))',
    [lock('select new.user_id'), ...renew(POSTGRES, 'new.company_id', 'new.user_id')],
  ),
  ...postgresTrigger('people_terms_removed', 'delete on memberships for each row', [
    lock('select old.user_id'),
    ...renew(POSTGRES, 'old.company_id', 'old.user_id'),
  ]),
  ...postgresTrigger(
    'people_terms_managed',
    'update of managed_by on users for each row when (old.managed_by is distinct from new.managed_by)',
    ['old', 'new'].flatMap((row) => [
      `if ${row}.managed_by is not null then ${renew(POSTGRES, `${row}.managed_by`, 'new.id').join('; ')}; end if`,
    ]),
  ),
]

/** In their order. */
export const PEOPLE_TRIGGERS: Record<Database['kind'], readonly string[]> = {
  sqlite: ON_SQLITE,
  postgres: ON_POSTGRES,
}
