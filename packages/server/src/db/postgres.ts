import { PostgresDialect } from 'kysely'
import pg from 'pg'

// bigint is milliseconds and counts here, exact as a number; without this pg hands out strings.
const INT8 = 20
pg.types.setTypeParser(INT8, Number)

export type PostgresOptions = { url: string; poolSize: number; onIdleError(error: Error): void }

/** A pool that gives up in seconds, so that a request ends when the database does not answer. */
export function openPostgres(options: PostgresOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    connectionTimeoutMillis: 3_000,
    query_timeout: 8_000,
    statement_timeout: 8_000,
    idleTimeoutMillis: 30_000,
    application_name: 'cloudspot-license',
  })
  // An idle connection that breaks is replaced; unheard, its error would end the process.
  pool.on('error', options.onIdleError)
  // The same for one that breaks between two statements of a transaction: the next statement reports it.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

export function postgresDialect(pool: pg.Pool): PostgresDialect {
  return new PostgresDialect({ pool })
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

/** Whether the database was out of reach, which passes: classes 08, 53 and 57 of SQLSTATE, or a broken connection. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as { code?: string }).code ?? ''
  if (CONNECTION_LOST.has(code) || /^(08|53|57)/.test(code) || code === '25006') return true
  return LOST_MESSAGES.some((text) => error.message.includes(text))
}

/** Whether PostgreSQL ended the transaction so that another could go on: doing it again is right. */
export function isRetryable(error: unknown): boolean {
  const code = (error as { code?: string } | undefined)?.code
  return code === '40001' || code === '40P01'
}
