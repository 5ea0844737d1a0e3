import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'

/** What a refusal may count, and what jobs write by themselves: of what is to be told that follows from acts, and they are in the audit. */
const LEFT_OUT = new Set([
  'throttles',
  'refusals',
  'password_schemes',
  'audit_chain',
  'due',
  'announced',
  'told',
  'events',
  'deliveries',
  'delivery_attempts',
])
const COLUMNS_LEFT_OUT: Record<string, readonly string[]> = {
  api_keys: ['last_used_at'],
  tokens: ['last_used_at'],
  audit_entries: ['seq', 'mac', 'key_id'],
  endpoints: ['next_seq', 'resend_place', 'failing_since'],
  applications: ['events_ready_at'],
}

const ROWS: Record<string, string> = { house: "where name <> 'events_clock'" }

/** One text for everything that is stored: it is equal as long as nothing is changed. */
export type Digest = AsyncDisposable & { read(): Promise<string>; differing(before: string, after: string): string[] }

export async function openDigest(
  database: { kind: 'sqlite'; file: string } | { kind: 'postgres'; url: string },
): Promise<Digest> {
  return database.kind === 'sqlite' ? ofSqlite(database.file) : ofPostgres(database.url)
}

function differing(before: string, after: string): string[] {
  const read = (text: string) => JSON.parse(text) as Record<string, string>
  const [old, now] = [read(before), read(after)]
  return Object.keys(now).filter((table) => old[table] !== now[table])
}

function ofSqlite(file: string): Digest {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 })
  const tables = database
    .prepare("select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name")
    .all()
    .map((row) => String(row.name))
    .filter((name) => !LEFT_OUT.has(name))
  const statements = tables.map((name) => {
    const left = COLUMNS_LEFT_OUT[name] ?? []
    const columns = database
      .prepare(`select name from pragma_table_info('${name}')`)
      .all()
      .map((row) => `"${row.name}"`)
      .filter((column) => !left.includes(column.slice(1, -1)))
    const read = database.prepare(`select ${columns.join(', ')} from "${name}" ${ROWS[name] ?? ''}`)
    read.setReturnArrays(true)
    return { name, read }
  })
  return {
    differing,
    async read() {
      return JSON.stringify(
        Object.fromEntries(
          statements.map(({ name, read }) => [
            name,
            createHash('md5').update(JSON.stringify(read.all())).digest('base64'),
          ]),
        ),
      )
    },
    async [Symbol.asyncDispose]() {
      database.close()
    },
  }
}

async function ofPostgres(url: string): Promise<Digest> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' order by 1",
  )
  const query = rows
    .filter(({ name }) => !LEFT_OUT.has(name))
    .map(({ name }) => {
      const less = (COLUMNS_LEFT_OUT[name] ?? []).map((column) => ` - '${column}'`).join('')
      const row = less ? `(to_jsonb(t)${less})::text` : 't::text'
      return `select '${name}' as name, md5(coalesce(string_agg(md5(${row}), '' order by md5(${row})), '')) as digest from "${name}" t ${ROWS[name] ?? ''}`
    })
    .join(' union all ')
  return {
    differing,
    async read() {
      // By its name it is planned once.
      const found = await client.query<{ name: string; digest: string }>({ name: 'digest', text: query })
      return JSON.stringify(Object.fromEntries(found.rows.map(({ name, digest }) => [name, digest])))
    },
    async [Symbol.asyncDispose]() {
      await client.end()
    },
  }
}
