import { PostgresDialect, type PostgresPool } from 'kysely'
import pg from 'pg'

// bigint is milliseconds and counts here, exact as a number; without this pg hands out strings.
const INT8 = 20
pg.types.setTypeParser(INT8, Number)

export type PostgresOptions = {
  url: string
  poolSize: number
  onIdleError(error: Error): void
  /** Without limits of time: for migrations and large files, which nobody waits for at a browser. */
  isPatient?: boolean
}

/** By it ours are told from others (db/postgres-restore.ts). */
const APPLICATION_NAME = 'cloudspot-license'
/** Waiting for a connection and for one statement: nine seconds at most together, so that a caller has an answer within ten. */
const CONNECTION_WAIT_MS = 2_500
/** On a machine or a database that is busy. */
const PATIENT_WAIT_MS = 15_000
/** The database gives up first, so that a statement that takes too long costs no connection. */
const LIMITS = { statement_timeout: 5_500, query_timeout: 6_500 }

/** A pool that gives up in seconds, so that a request ends when the database does not answer. */
export function openPostgres(options: PostgresOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    connectionTimeoutMillis: options.isPatient ? PATIENT_WAIT_MS : CONNECTION_WAIT_MS,
    ...(options.isPatient ? {} : LIMITS),
    idleTimeoutMillis: 30_000,
    application_name: APPLICATION_NAME,
  })
  // An idle connection that breaks is replaced; unheard, its error would end the process.
  pool.on('error', options.onIdleError)
  // The same for one that breaks between two statements of a transaction: the next statement reports it.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** One connection without limits of time. What breaks between two statements is told by the next one. */
export async function connectPostgres(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: PATIENT_WAIT_MS,
    application_name: APPLICATION_NAME,
  })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

export function postgresDialect(pool: pg.Pool): PostgresDialect {
  return new PostgresDialect({ pool: withoutBroken(pool) })
}

/**
 * Kysely hands every connection back as if it were well. One that fell silent would be given out again and again, each
 * time for as long as a query may take; said to be broken, it is replaced.
 */
function withoutBroken(pool: pg.Pool): PostgresPool {
  const preparedAs = statementNames()
  return {
    async connect() {
      const client = await pool.connect()
      let broken: Error | undefined
      const query = async (text: string, values: readonly unknown[]) => {
        // The rollback after a statement that was never answered would wait as long again. Closed, the connection rolls back.
        if (broken) throw broken
        try {
          return await client.query({ ...preparedAs(text), text, values: [...values] })
        } catch (error) {
          if (isBroken(error)) broken = error
          throw error
        }
      }
      // Kysely also asks for cursors, which nothing here uses.
      return { query, release: () => client.release(broken) } as unknown as Awaited<ReturnType<PostgresPool['connect']>>
    },
    end: () => pool.end(),
    options: pool.options,
  }
}

/** More texts than a server sends again and again; lists of values and imports make many others. */
const NAMED_STATEMENTS = 200
/** A text that came fewer times may never come again. */
const NAMED_FROM = 3

/**
 * Names for statements that come again and again: the database parses and plans them once a connection. None with a `*`: what
 * that stands for may change while this process runs, and the database refuses such a plan.
 */
function statementNames(): (text: string) => { name?: string } {
  const asked = new Map<string, number>()
  const names = new Map<string, { name: string }>()
  return (text) => {
    const known = names.get(text)
    if (known) return known
    const count = (asked.get(text) ?? 0) + 1
    if (names.size >= NAMED_STATEMENTS || text.includes('*') || !/^(select|insert|update|delete)/.test(text)) return {}
    if (asked.size > NAMED_STATEMENTS * 5) asked.clear()
    asked.set(text, count)
    if (count < NAMED_FROM) return {}
    const made = { name: `s${names.size + 1}` }
    names.set(text, made)
    asked.delete(text)
    return made
  }
}

const CONNECTION_LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
])
const LOST_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Query read timeout',
  'Client has encountered a connection error',
  'Client was closed',
  'Cannot use a pool after calling end',
  'not queryable',
]

/** A standby takes no writes; a database is closed for a while (`allow_connections false`). */
const CLOSED = new Set(['25006', '55000'])

/** Whether the database was out of reach, which passes: classes 08, 53 and 57 of SQLSTATE, or a broken connection. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as { code?: string }).code ?? ''
  if (CONNECTION_LOST.has(code) || CLOSED.has(code) || /^(08|53|57)/.test(code)) return true
  return LOST_MESSAGES.some((text) => error.message.includes(text))
}

/** Whether the connection itself is of no more use; a refusal of the database's (a code of five) is not that. */
function isBroken(error: unknown): error is Error {
  return isUnreachable(error) && !/^53/.test((error as { code?: string }).code ?? '')
}

/** Whether PostgreSQL ended the transaction so that another could go on: doing it again is right. */
export function isRetryable(error: unknown): boolean {
  const code = (error as { code?: string } | undefined)?.code
  return code === '40001' || code === '40P01'
}
