import { existsSync } from 'node:fs'
import { type Logger, pino } from 'pino'
import { type FactsQueries, prepareFacts } from './access/facts.ts'
import { JudgedLists } from './access/judged-lists.ts'
import { RoleCache } from './access/role-cache.ts'
import { TreeCache } from './access/tree-cache.ts'
import { Refusals } from './audit/refusals.ts'
import type { Config } from './config.ts'
import { type FindArrival, prepareArrivals } from './credentials/arrival.ts'
import { Hasher } from './credentials/hasher.ts'
import { type IssueAtOnce, prepareIssuing } from './credentials/issue-token.ts'
import type { SchemeCosts } from './credentials/password-cost.ts'
import { RefusalFloor } from './credentials/refusal-floor.ts'
import { TokenUse } from './credentials/token-use.ts'
import { Turns } from './credentials/turns.ts'
import { cutOffRestore, requireNotCutOff } from './db/backup-restore.ts'
import { type Database, openDatabase } from './db/database.ts'
import { migrate, schemaState, TOO_NEW } from './db/migrate.ts'
import { CommandError } from './errors.ts'
import { type HouseKeys, loadHouseKeys } from './keys/house-keys.ts'
import { Outbox } from './outbox/outbox.ts'
import { noteDay } from './upstream/notes.ts'
import { Upstream } from './upstream/upstream.ts'

/** What every act needs: made once per process, by hand, here. */
export type Context = {
  config: Config
  db: Database
  /** Milliseconds UTC. The only clock. */
  now(): number
  log: Logger
  keys: HouseKeys
  hasher: Hasher
  /** Of tries on one account. */
  turns: Turns
  refusalFloor: RefusalFloor
  facts: FactsQueries
  findArrival: FindArrival
  issueAtOnce: IssueAtOnce
  trees: TreeCache
  roles: RoleCache
  judged: JudgedLists
  tokenUse: TokenUse
  refusals: Refusals
  outbox: Outbox
  /** The License server that this one takes over from, where there is one. */
  upstream: Upstream | undefined
  [Symbol.asyncDispose](): Promise<void>
}

export type ContextOptions = {
  now?: () => number
  log?: Logger
  /** Brings the schema up to this program first: also an older one, or only where there is none. */
  migrates?: 'always' | 'when_empty'
  /** For work that nobody waits for at a browser: statements may take as long as they do. */
  isPatient?: boolean
  /** Where this process measured them before. */
  schemeCosts?: SchemeCosts
}

/** Opens the house. @throws CommandError when the database is not one that this program can run on. */
export async function createContext(config: Config, options: ContextOptions = {}): Promise<Context> {
  const log = options.log ?? createLog(config)
  if (!options.migrates) requireFile(config)
  else sayWhatIsCutOff(config, log)
  const db = openDatabase(config.database, {
    poolSize: config.databasePool,
    onIdleError: (error) => log.warn({ err: error }, 'an idle database connection broke'),
    isPatient: options.isPatient ?? false,
  })
  try {
    if (options.migrates) await migrateFirst(config, options.migrates)
    await requireSchema(db)
    const keys = await loadHouseKeys(config, db)
    const tokenUse = new TokenUse()
    const waitMs = config.hashWaitSeconds * 1000
    const refusals = new Refusals()
    const now = options.now ?? Date.now
    return {
      config,
      db,
      now,
      log,
      keys,
      hasher: new Hasher({ concurrency: config.hashConcurrency, queue: config.hashQueue, waitMs }),
      turns: new Turns({ limit: config.hashQueue, waitMs }),
      refusalFloor: new RefusalFloor({
        costs: options.schemeCosts,
        leastMs: config.upstream === undefined ? undefined : UPSTREAM_FLOOR_MS,
      }),
      facts: prepareFacts(db),
      findArrival: prepareArrivals(db),
      issueAtOnce: prepareIssuing(db),
      trees: new TreeCache(),
      roles: new RoleCache(),
      judged: new JudgedLists(),
      tokenUse,
      refusals,
      outbox: new Outbox(),
      upstream: openUpstream(config, now, refusals),
      async [Symbol.asyncDispose]() {
        try {
          await tokenUse.flush(db)
          await refusals.flush(db)
        } catch (error) {
          log.warn({ err: error }, 'the last uses of tokens could not be noted')
        }
        await db.close()
      },
    }
  } catch (error) {
    await db.close()
    throw error
  }
}

/** Most servers say "no" by then: how long a refusal takes does not tell whom another server was asked of. */
const UPSTREAM_FLOOR_MS = 1_000

function openUpstream(config: Config, now: () => number, refusals: Refusals): Upstream | undefined {
  const { upstream: url, allowedNetworks } = config
  if (url === undefined) return undefined
  const onFailure = (applicationId: string, reason: string) =>
    noteDay({ refusals, now }, 'upstream_failed', applicationId, reason)
  return new Upstream({ url, allowedNetworks, now, onFailure })
}

/** Opening a SQLite file makes it: a command that only looks must not leave an empty one where a folder was mistyped. */
export function requireFile({ database }: Config): void {
  if (database.kind === 'postgres') return
  requireNotCutOff(database.file)
  if (existsSync(database.file)) return
  throw new CommandError(
    `There is no database ${database.file}. Check LICENSE_DATA_DIR and LICENSE_DATABASE_URL, or make one by \`license-server seed FILE\` or \`license-server migrate\`.`,
  )
}

/** What a restore left that did not end: with a house a warning, without one no house must be made. @throws CommandError */
function sayWhatIsCutOff({ database }: Config, log: Logger): void {
  if (database.kind === 'postgres') return
  requireNotCutOff(database.file)
  const says = cutOffRestore(database.file)
  if (says) log.warn(says)
}

async function migrateFirst(config: Config, when: 'always' | 'when_empty'): Promise<void> {
  const db = openDatabase(config.database, { poolSize: 2, onIdleError: () => undefined, isPatient: true })
  try {
    if (when === 'always' || (await schemaState(db)).state === 'empty') await migrate(db)
  } finally {
    await db.close()
  }
}

export async function requireSchema(db: Database): Promise<void> {
  const known = await schemaState(db)
  if (known.state === 'empty')
    throw new CommandError('The database is empty. Run `license-server migrate` or `license-server seed FILE` first.')
  if (known.state === 'behind')
    throw new CommandError('The database is of an older program. Make a backup, then run `license-server migrate`.')
  if (known.state === 'newer' && !known.mayRun) throw new CommandError(TOO_NEW)
}

/** Structured lines on standard output. What may hold a secret is left out by name, besides never being put in. */
export function createLog(config: Pick<Config, 'logLevel'>): Logger {
  const secrets = ['password', 'token', 'secret', 'auth_token', 'authorization', 'hash', 'password_hash']
  return pino({
    level: config.logLevel,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: errorForLog },
    redact: { paths: [...secrets, ...secrets.map((name) => `*.${name}`), '*.headers'], censor: '(left out)' },
  })
}

/** Without what PostgreSQL says of the data: of a row that it refuses, all of it. */
function errorForLog(error: Error): object {
  const { detail: _detail, where: _where, ...told } = pino.stdSerializers.err(error)
  return told
}
