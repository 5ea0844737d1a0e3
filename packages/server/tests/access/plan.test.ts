import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type RawBuilder, sql } from 'kysely'
import { fillHouse } from '../../../../bench/house.ts'
import { factsSql, seatsSql } from '../../src/access/facts.ts'
import { arrivalSql } from '../../src/credentials/arrival.ts'
import { type Database, type DatabaseAddress, openDatabase } from '../../src/db/database.ts'
import { databases, newDatabase } from '../support/server.ts'

// Enough rows for PostgreSQL to prefer an index: 9,000 seats and 90,000 grants.
const USERS = 3_000

/** Tables that grow with the house: one answer may touch a few rows of them, by an index. */
const GROWING = ['tokens', 'users', 'memberships', 'seats', 'grants']

const QUERIES = Object.entries(factsSql())

for (const kind of databases) {
  test(`an answer's query reads by indexes only, whatever the size of the house (${kind})`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'license-plan-'))
    const address: DatabaseAddress =
      kind === 'sqlite'
        ? { kind: 'sqlite', file: join(folder, 'license.db') }
        : { kind: 'postgres', url: await newDatabase() }
    await fillHouse(address, USERS)
    const db = openDatabase(address, { poolSize: 1, onIdleError: () => undefined })
    try {
      // For so many rows at once PostgreSQL may look through a small table instead.
      if (kind === 'sqlite') await checkSqlitePlan(db, 'bySeats', seatsSql())
      for (const [name, query] of QUERIES)
        await (kind === 'sqlite' ? checkSqlitePlan(db, name, query) : checkPostgresPlan(db, name, query))
      await (kind === 'sqlite' ? checkSqliteArrival(db) : checkPostgresArrival(db))
    } finally {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

async function checkSqlitePlan(db: Database, name: string, query: RawBuilder<unknown>): Promise<void> {
  const { rows } = await sql<{ detail: string }>`explain query plan ${query}`.execute(db.read)
  const steps = rows.map(({ detail }) => detail).filter((detail) => !detail.startsWith('CORRELATED SCALAR SUBQUERY'))
  for (const step of steps) assert.match(step, /^SEARCH \w+ USING /, `${name}: ${step}`)
  // COVERING: the index answers by itself, without looking each grant up in its table too.
  const index = /^SEARCH g USING COVERING INDEX grants_in_force \(seat=\? AND revoked_at=\?/
  assert.equal(steps.filter((step) => index.test(step)).length, 1, `${name}: grants_in_force is used once`)
}

/** What a sign-in begins with. */
async function checkSqliteArrival(db: Database): Promise<void> {
  const { rows } = await sql<{ detail: string }>`explain query plan ${arrivalSql()}`.execute(db.read)
  const steps = rows.map(({ detail }) => detail)
  for (const table of ['u', 't'])
    assert.equal(steps.filter((step) => new RegExp(`^SEARCH ${table} USING `).test(step)).length, 1, steps.join('; '))
}

type PlanNode = { 'Node Type': string; 'Relation Name'?: string; 'Index Name'?: string; Plans?: PlanNode[] }

async function checkPostgresPlan(db: Database, name: string, query: RawBuilder<unknown>): Promise<void> {
  const nodes = await postgresPlan(db, query)
  for (const table of GROWING) {
    const reads = nodes.filter((node) => node['Relation Name'] === table)
    if (table !== 'tokens' || name === 'byToken') assert.notEqual(reads.length, 0, `${name} reads ${table}`)
    for (const node of reads) assert.match(node['Node Type'], /^Index (Only )?Scan$/, `${name}: ${table}`)
  }
  const grants = nodes.filter((node) => node['Relation Name'] === 'grants')
  const used = grants.map((node) => `${node['Node Type']} ${node['Index Name']}`).sort()
  assert.deepEqual(used, ['Index Only Scan grants_in_force'], name)
}

async function checkPostgresArrival(db: Database): Promise<void> {
  const names = sql`select 'name ' || i, 1, 0, 0 from generate_series(1, 2000) i`
  await sql`insert into throttles (key, tries, last_at, next_at) ${names}`.execute(db.read)
  await sql`analyze throttles`.execute(db.read)
  const nodes = await postgresPlan(db, arrivalSql())
  for (const table of ['users', 'throttles']) {
    const reads = nodes.filter((node) => node['Relation Name'] === table).map((node) => node['Node Type'])
    assert.deepEqual(reads, ['Index Scan'], table)
  }
}

/** The plan for any values: what a prepared statement comes to after its first runs. */
async function postgresPlan(db: Database, query: RawBuilder<unknown>): Promise<PlanNode[]> {
  const { sql: text } = query.compile(db.read)
  const explained = await sql<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>`${sql.raw(
    `explain (format json, generic_plan) ${text}`,
  )}`.execute(db.read)
  return flatten(explained.rows[0]?.['QUERY PLAN'][0].Plan)
}

function flatten(node: PlanNode | undefined): PlanNode[] {
  return node ? [node, ...(node.Plans ?? []).flatMap(flatten)] : []
}
