import { copyFileSync, mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import type { DrillEnv } from './drill.ts'
import type { Settings } from './process.ts'
import { toolFolder } from './stage.ts'

type Row = Record<string, unknown>

/** A machine that has much else to do hashes slowly: who is told to come back for that alone says nothing of what a drill is about. A7 is, and waits as shipped. */
const PATIENCE_SECONDS = '8'

/** Where a house lies: a data folder, and a database that is empty at first. */
export type Place = {
  folder: string
  settings: Settings
  /** Asks the database itself, past the server. */
  query(sql: string): Promise<Row[]>
  /** What is damaged, by the database's own checks and by ours. */
  faults(): Promise<string[]>
}

/** `tooled`: on a PostgreSQL that PostgreSQL's own tools fit, with these on the PATH. */
export async function newPlace(env: DrillEnv, { tooled = false } = {}): Promise<Place> {
  const folder = join(env.stage.folder(), 'data')
  const settings = { LICENSE_DATA_DIR: folder, LICENSE_LOG_LEVEL: 'warn', LICENSE_HASH_WAIT_SECONDS: PATIENCE_SECONDS }
  if (env.database === 'sqlite') return sqlitePlace(folder, settings)
  const url = await env.stage.newDatabase(tooled ? env.stage.tooledPostgres() : undefined)
  const path: Settings = tooled ? { PATH: [toolFolder, process.env.PATH].join(delimiter) } : {}
  return postgresPlace(folder, { ...settings, ...path, LICENSE_DATABASE_URL: url }, url)
}

function sqlitePlace(folder: string, settings: Settings): Place {
  const query = async (sql: string): Promise<Row[]> => {
    using database = new DatabaseSync(join(folder, 'license.db'), { timeout: 5_000 })
    return database.prepare(sql).all()
  }
  const faults = async () => [
    ...(await query('pragma integrity_check'))
      .map((row) => String(row.integrity_check))
      .filter((text) => text !== 'ok'),
    ...(await query('pragma foreign_key_check')).map((row) => `a row of ${row.table} names what is not there`),
    ...(await seatFaults(query)),
  ]
  return { folder, settings, query, faults }
}

function postgresPlace(folder: string, settings: Settings, url: string): Place {
  const query = async (sql: string): Promise<Row[]> => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return (await client.query<Row>(sql)).rows
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  const faults = async () => [...(await indexFaults(query)), ...(await seatFaults(query))]
  return { folder, settings, query, faults }
}

/** The same house's key ring in another place. */
export function copyKeys(from: Place, to: Place): void {
  mkdirSync(to.folder, { recursive: true, mode: 0o700 })
  copyFileSync(join(from.folder, 'keys.json'), join(to.folder, 'keys.json'))
}

/** amcheck reads every index of ours, and the heap against it, and raises an error for what does not fit. */
async function indexFaults(query: Place['query']): Promise<string[]> {
  try {
    await query('create extension if not exists amcheck')
    await query(`select bt_index_check(i.indexrelid, true) from pg_index i join pg_class c on c.oid = i.indexrelid
      join pg_am a on a.oid = c.relam join pg_namespace n on n.oid = c.relnamespace
      where a.amname = 'btree' and n.nspname = 'public'`)
    return []
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

async function seatFaults(query: Place['query']): Promise<string[]> {
  const rows = await query(`select l.company_id, l.application_id from licenses l where l.seats_held <>
    (select count(*) from seats s where s.company_id = l.company_id and s.application_id = l.application_id)`)
  return rows.map((row) => `the seats of ${row.application_id} are counted wrong`)
}
