import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fastify } from 'fastify'
import { type CompiledQuery, type KyselyPlugin, type RootOperationNode, sql } from 'kysely'
import { fillHouse } from '../../../../bench/house.ts'
import { readConfig } from '../../src/config.ts'
import { type Context, createContext } from '../../src/context.ts'
import type { Database } from '../../src/db/database.ts'
import { ADMIN, adminRoutes } from '../../src/http/admin/index.ts'
import { openDoor } from '../../src/http/door.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { createServer } from '../../src/http/server.ts'
import { makeKey, NOBODY } from '../support/admin.ts'
import { databases, newDatabase } from '../support/server.ts'

// Of everything that grows there is more than one statement may read.
const USERS = 4_200
const MORE = 4_200
/** Entries of the audit beside each of these: a window of 2,000 is a small part of them. */
const ENTRIES = 5
/** The same of what is a page by itself: each range of an index is read no further than a page goes. */
const MOST_OF_PAGE = 400
const PAGES = [/^GET \/companies\/:company\/members/, /^GET \/users/, /^GET \/audit\?company=[\w-]+&act=/]
/** Rows that one statement may read of one table: a window of a long list, and what is beside it. */
const MOST = 3_000

const GROWING = [
  'users',
  'user_terms',
  'people_terms',
  'companies',
  'memberships',
  'seats',
  'grants',
  'licenses',
  'tokens',
  'audit_entries',
  'audit_personal',
  'api_keys',
  'impersonations',
  'deliveries',
  'delivery_attempts',
]

const USER = '01990000-0000-7000-8000-000000000007'
/** Of the bench house: one that the user is a member of. */
const COMPANY = '01990000-0000-7000-a000-000000000049'
const ENDPOINT = '01990000-0000-7000-c000-000000000001'

/** What stands for each name in an address. */
const PLACES: Record<string, string> = {
  user: USER,
  company: COMPANY,
  application: 'bench',
  key: 'invoices_11',
  grant: NOBODY,
  token: NOBODY,
  import: NOBODY,
  impersonation: NOBODY,
  endpoint: ENDPOINT,
  delivery: '01990000-0000-7000-c001-000000000000',
}

/** Beside each route as it is. */
const QUERIES: Record<string, string[]> = {
  '/users': [
    '?q=user12',
    '?q=anna%20ames%2012',
    '?q=zz',
    `?company=${COMPANY}`,
    `?q=user1&company=${COMPANY}`,
    `?q=a&company=${COMPANY}`,
  ],
  '/companies': ['?q=company%201', '?q=zz'],
  '/companies/:company/members': ['?q=user1', '?q=a', '?q=zz'],
  '/companies/:company/seats': ['?application=bench'],
  '/audit': [
    `?company=${COMPANY}`,
    `?actor=${NOBODY}`,
    `?target=${USER}`,
    '?act=role.deleted',
    '?act=company.created',
    '?from=2099-01-01',
    '?until=2001-01-01',
    `?actor=${NOBODY}&act=role.deleted`,
    `?company=${COMPANY}&act=role.deleted`,
    `?company=${COMPANY}&target=${USER}&from=2020-01-01`,
  ],
  '/audit/export': ['?format=csv', `?format=ndjson&actor=${NOBODY}&act=role.deleted`],
  '/explain': [`?user=${USER}&company=${COMPANY}&application=bench&permission=projects_edit`],
  '/explain/holders': [`?company=${COMPANY}&application=bench&permission=projects_edit`],
  '/explain/company': [`?company=${COMPANY}`],
  '/impersonations': [
    '?live=true',
    `?user=${USER}`,
    `?company=${COMPANY}`,
    '?application=bench',
    `?user=${USER}&company=${COMPANY}&live=true`,
  ],
  '/applications/:application/endpoints/:endpoint/deliveries': [
    '?state=failed',
    '?from=2099-01-01',
    '?until=2001-01-01',
    '?state=waiting&from=2020-01-01',
  ],
  '/upstream/users': ['?state=moved', '?state=waiting'],
  '/statistics': [`?company=${COMPANY}`, '?application=bench'],
}

for (const kind of databases) {
  test(`no list and no search of the admin API goes through a table that grows (${kind})`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'license-plans-'))
    const url = kind === 'postgres' ? await newDatabase() : `sqlite:${join(folder, 'license.db')}`
    await fillHouse(kind === 'postgres' ? { kind, url } : { kind: 'sqlite', file: join(folder, 'license.db') }, USERS)
    const ctx = await createContext(
      readConfig({
        LICENSE_DATA_DIR: folder,
        LICENSE_PORT: '0',
        LICENSE_LOG_LEVEL: 'fatal',
        LICENSE_DATABASE_URL: url,
      }),
    )
    try {
      await fillMore(ctx)
      await ctx.db.transaction((tx) => sql`analyze`.execute(tx))
      const asked = await captureAll(ctx)
      assert.ok(asked.size > 60, `${asked.size} statements`)
      const faults: string[] = []
      for (const [, { query, line }] of asked) {
        const found = await (kind === 'sqlite' ? sqliteFaults(ctx.db, query) : postgresFaults(ctx.db, query, line))
        faults.push(...found.map((fault) => `${line}: ${fault}\n    ${query.sql}`))
      }
      assert.equal(faults.length, 0, `\n${faults.join('\n')}`)
    } finally {
      await ctx[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

type Asked = Map<string, { query: CompiledQuery; line: string }>

/** Every statement that the GET routes send for reading, once; each route as it is, with its queries, and a page further. */
async function captureAll(ctx: Context): Promise<Asked> {
  const asked: Asked = new Map()
  let line = ''
  const capture: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      const query = ctx.db.read.getExecutor().compileQuery(node as RootOperationNode, queryId)
      if (!asked.has(query.sql)) asked.set(query.sql, { query, line })
      return node
    },
    transformResult: async ({ result }) => result,
  }
  const served = { ...ctx, db: { ...ctx.db, read: ctx.db.read.withPlugin(capture) } }
  const app = await createServer(served, openDoor(), createMetrics(served))
  const urls = await listGets(ctx)
  assert.ok(urls.length > 25, `${urls.length} routes`)
  const authorization = `Bearer ${await makeKey({ ctx })}`
  for (const url of urls) {
    const path = url.replace(/:(\w+)/g, (_, name: string) => {
      assert.ok(name in PLACES, `PLACES says nothing for :${name}`)
      return PLACES[name] ?? ''
    })
    for (const query of ['', ...(QUERIES[url] ?? [])]) {
      line = `GET ${url}${query}`
      const answer = await app.inject({ url: `${ADMIN}${path}${query}`, headers: { authorization } })
      assert.ok(answer.statusCode < 500 && (query === '' || answer.statusCode === 200), `${line}: ${answer.body}`)
      const isJson = answer.headers['content-type']?.toString().startsWith('application/json')
      const cursor = isJson ? answer.json().next_cursor : undefined
      if (typeof cursor !== 'string') continue
      line += ' (a page further)'
      await app.inject({
        url: `${ADMIN}${path}${query || '?'}&cursor=${cursor}`.replace('?&', '?'),
        headers: { authorization },
      })
    }
  }
  await app.close()
  return asked
}

/** Every GET that the router has, also what comes to be later. */
async function listGets(ctx: Context): Promise<string[]> {
  const urls: string[] = []
  const app = fastify()
  app.addHook('onRoute', ({ method, url }) => {
    if (method === 'GET') urls.push(url.slice(ADMIN.length))
  })
  await app.register(adminRoutes(ctx), { prefix: ADMIN })
  await app.ready()
  await app.close()
  return urls
}

async function sqliteFaults(db: Database, { sql: text, parameters }: CompiledQuery): Promise<string[]> {
  const values = parameters as (string | number | null)[] // As our queries have them.
  const query = { ...sql`${sql.raw(`explain query plan ${text}`)}`.compile(db.read), parameters: values }
  const { rows } = await db.read.executeQuery<{ detail: string }>(query)
  const tables = namesOf(text)
  const steps = rows.map(({ detail }) => detail)
  return steps.filter((step) => {
    // Of a company's people the page asked for: the index is entered where it begins.
    if (/^SEARCH (\w+) /.test(step) && tables.get(step.split(' ')[1] ?? '') === 'people_terms')
      return !/\(company_id=\? AND is_member=\? AND is_address=\? AND \(?term[^ ]*>/.test(step)
    const name = /^SCAN (\w+)/.exec(step)?.[1]
    if (name === undefined || !GROWING.includes(tables.get(name) ?? '')) return false
    // Only a list of all goes from the beginning of an index, in its order, up to its limit.
    if (/ INDEX users_without_password$/.test(step)) return !/ limit \?/.test(text)
    const isSorted = steps.some((each) => each.startsWith('USE TEMP B-TREE'))
    return isSorted || !/ limit \?/.test(text) || /\w/.test(conditionsOf(text))
  })
}

/** What leaves out little, or is what the index is of. */
const HARMLESS = ['"u"."deleted_at" is null', '"impersonation_id" is null', '"seq" is null', ' and ', 'true']

function conditionsOf(text: string): string {
  const [, conditions = ''] = / where (.*?)(?: order by | limit )/.exec(text) ?? []
  return HARMLESS.reduce((left, each) => left.replaceAll(each, ''), conditions)
}

/** What each name in a statement stands for. */
function namesOf(text: string): Map<string, string> {
  const names = new Map<string, string>()
  for (const [, table = '', alias] of text.matchAll(/(?:from|join) "(\w+)"(?: as "(\w+)")?/g))
    names.set(alias ?? table, table)
  return names
}

type PlanNode = {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: PlanNode[]
}

async function postgresFaults(db: Database, { sql: text, parameters }: CompiledQuery, line: string): Promise<string[]> {
  const most = PAGES.some((page) => page.test(line)) ? MOST_OF_PAGE : MOST
  const query = { ...sql`${sql.raw(`explain (analyze, format json) ${text}`)}`.compile(db.read), parameters }
  const { rows } = await db.transaction(async (tx) => {
    // What is read again and again is in memory.
    await sql`set local random_page_cost = 1.1`.execute(tx)
    return tx.executeQuery<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(query)
  })
  return flatten(rows[0]?.['QUERY PLAN'][0].Plan).flatMap((node) => {
    const table = node['Relation Name'] ?? ''
    if (!GROWING.includes(table)) return []
    const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
    const read = (node['Actual Rows'] + removed) * node['Actual Loops']
    const what = `${node['Node Type']} ${table} ${node['Index Name'] ?? ''}: ${read} rows`
    return node['Node Type'] === 'Seq Scan' || read > most ? [what] : []
  })
}

function flatten(node: PlanNode | undefined): PlanNode[] {
  return node ? [node, ...(node.Plans ?? []).flatMap(flatten)] : []
}

/** What the bench house has none of, or few: companies with licenses, keys, the audit. */
async function fillMore({ db, now }: Context): Promise<void> {
  await db.transaction(async (tx) => {
    // Everybody is of the one company, half of them as members, half managed by it: more than one statement may read of either.
    const isMember = sql`cast(substr(id, 36) as integer) % 2 = 0`
    await sql`update users set managed_by = ${COMPANY} where not (${isMember})`.execute(tx)
    await sql`insert into memberships (user_id, company_id, role, is_primary, active, joined_at)
      select id, ${COMPANY}, 'member', 0, 1, 0 from users where ${isMember} on conflict do nothing`.execute(tx)
  })
  const at = now()
  const numbers = Array.from({ length: MORE }, (_, nth) => nth)
  const id = (kind: string, nth: number) => `01990000-0000-7000-${kind}-${String(nth).padStart(12, '0')}`
  const times = { created_at: at, updated_at: at }
  await db.transaction(async (tx) => {
    for (let from = 0; from < MORE; from += 500) {
      const some = numbers.slice(from, from + 500)
      await tx
        .insertInto('companies')
        .values(
          some.map((nth) => ({ id: id('b000', nth), name: `Firm ${nth}`, term: `firm ${nth}`, active: 1, ...times })),
        )
        .execute()
      await tx
        .insertInto('licenses')
        .values(
          some.map((nth) => ({
            company_id: id('b000', nth),
            application_id: 'bench',
            starts_at: 0,
            ends_at: at + 86_400_000,
            grace_days: 0,
            seats: 5,
            seats_held: 0,
            suspended: 0,
            includes_all: 1,
            note: '',
            ...times,
          })),
        )
        .execute()
      await tx
        .insertInto('api_keys')
        .values(
          some.map((nth) => ({
            id: id('b001', nth),
            hash: `hash ${nth}`,
            name: `Key ${nth}`,
            power: 'company' as const,
            user_id: null,
            company_id: id('b000', nth),
            application_id: null,
            scopes: '*',
            created_by: 'test',
            created_at: at,
            expires_at: at + nth * 86_400_000,
            last_used_at: 0,
            revoked_at: null,
          })),
        )
        .execute()
    }
    for (let from = 0; from < MORE; from += 500) {
      await tx
        .insertInto('impersonations')
        .values(
          numbers.slice(from, from + 500).map((nth) => ({
            id: id('b003', nth),
            hash: `hash ${nth}`,
            user_id: id('8000', nth % 1_000),
            company_id: nth % 100 === 0 ? COMPANY : id('b000', nth),
            application_id: 'bench',
            started_by: 'the help desk',
            reason: 'Ticket 7',
            created_at: at - nth * 1_000,
            expires_at: at - nth * 1_000,
            // The last ones of a few are live.
            session_ends_at: at + (10 - nth) * 60_000,
            used_at: null,
          })),
        )
        .execute()
    }
    await tx
      .insertInto('endpoints')
      .values({
        id: ENDPOINT,
        application_id: 'bench',
        dialect: 'standard',
        url: 'https://bench.example/hook',
        types: null,
        description: '',
        active: 0,
        secret: null,
        secret_before: null,
        before_until: null,
        next_seq: 1,
        resend_place: null,
        failing_since: null,
        disabled_at: null,
        disabled_because: null,
        created_at: at,
        updated_at: at,
        deleted_at: null,
      })
      .execute()
    for (let from = 0; from < MORE; from += 500) {
      const some = numbers.slice(from, from + 500)
      await tx
        .insertInto('deliveries')
        .values(
          some.map((nth) => ({
            id: id('c001', nth),
            endpoint_id: nth % 2 === 0 ? ENDPOINT : NOBODY,
            message_id: `message ${nth}`,
            event_id: null,
            type: 'ping',
            lane: `lane ${nth}`,
            topic: null,
            seq: nth,
            state: nth % 100 === 0 ? 'failed' : nth % 100 === 1 ? 'waiting' : 'delivered',
            attempts: 1,
            tries: 1,
            first_tried_at: at,
            next_at: at,
            claim: null,
            last_status: 200,
            last_error: null,
            created_at: at - nth * 1_000,
            finished_at: at,
          })),
        )
        .execute()
      await tx
        .insertInto('delivery_attempts')
        .values(
          some.map((nth) => ({
            delivery_id: id('c001', nth),
            number: 1,
            at,
            ms: 5,
            status: 200,
            error: null,
            answer: '',
          })),
        )
        .execute()
    }
    for (let from = 0; from < MORE * ENTRIES; from += 500) {
      const some = Array.from({ length: 500 }, (_, nth) => from + nth)
      await tx
        .insertInto('audit_entries')
        .values(
          some.map((nth) => ({
            id: id('b002', nth),
            at: at - nth * 1_000,
            act: nth % 2_000 === 7 ? 'role.deleted' : 'user.changed',
            actor_kind: 'key',
            actor_id: nth % 5 === 0 ? 'other' : NOBODY,
            behind_id: null,
            target_kind: 'user',
            target_id: id('8000', nth % 10),
            company_id: nth % 2 === 0 ? COMPANY : id('b000', nth),
            application_id: null,
            request_id: null,
            data: '{}',
            personal_hash: 'x',
            source_hash: null,
            seq: 1_000_000 + nth,
            mac: 'x',
            key_id: 'x',
          })),
        )
        .execute()
      await tx
        .insertInto('audit_personal')
        .values(
          some.map((nth) => ({
            entry_id: id('b002', nth),
            part: 'about' as const,
            subject_id: id('8000', nth % 10),
            salt: '',
            data: '{}',
          })),
        )
        .execute()
    }
  })
}
