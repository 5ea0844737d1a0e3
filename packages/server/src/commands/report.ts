import { type Config, ConfigError, ownEnvironment, readConfig } from '../config.ts'
import { type Context, type ContextOptions, createContext, createLog, requireFile, requireSchema } from '../context.ts'
import { type Database, openDatabase } from '../db/database.ts'
import { isUnreachable } from '../db/postgres.ts'
import { isBusy, isFull } from '../db/sqlite-file.ts'
import { AppError, CommandError } from '../errors.ts'

/** Says on standard error what went wrong and returns the exit code: 1 refused or failed, 2 wrong use or settings. */
export function reportError(error: unknown): number {
  const say = (line: string) => process.stderr.write(`${line}\n`)
  if (error instanceof ConfigError) {
    say(error.faults.length === 1 ? 'A setting is wrong:' : `${error.faults.length} settings are wrong:`)
    for (const fault of error.faults) say(`  ${fault}`)
    return 2
  }
  if (error instanceof CommandError) {
    for (const line of error.lines) say(line)
    return 1
  }
  if (error instanceof AppError) {
    say(error.detail)
    for (const fault of error.faults) say(`  ${fault.path}: ${fault.message}`)
    return 1
  }
  const sentence = systemSentence(error)
  if (sentence) say(sentence)
  else if (isUnreachable(error))
    say(`The database does not answer: ${(error as Error).message}. Check LICENSE_DATABASE_URL and that it runs.`)
  else if (isBusy(error))
    say('The database is in use by another process, and stayed so. Try again, or stop that process.')
  else if (isFull(error))
    say('The disk is full, or failing: the database can not be written. Make room, then try again.')
  else say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  return 1
}

/** What the operating system or PostgreSQL refuses, as what to do about it. */
function systemSentence(error: unknown): string | undefined {
  const { code = '', path, message } = error as { code?: string; path?: string; message?: string } // Both put them there.
  if (['EEXIST', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'ENOSPC'].includes(code) && path !== undefined)
    return `${path} can't be used (${code}). Check LICENSE_DATA_DIR, and who may write there.`
  if (/^(28|3D)/.test(code)) return `PostgreSQL refuses: ${message}. Check LICENSE_DATABASE_URL.`
  return undefined
}

/** Opens the house for one command, and closes it after. Its log is silent: what a command has to say, it prints. */
export async function withHouse<T>(
  act: (ctx: Context) => Promise<T>,
  options: Pick<ContextOptions, 'migrates' | 'isPatient'> = {},
): Promise<T> {
  const config = readConfig(ownEnvironment())
  await using ctx = await createContext(config, { log: createLog({ logLevel: 'silent' }), ...options })
  return await act(ctx)
}

/** Opens the house as it is, also with a key ring that is not its own. */
export async function withUnprovenHouse(act: (config: Config, database: Database) => Promise<void>): Promise<void> {
  const config = readConfig(ownEnvironment())
  requireFile(config)
  const database = openDatabase(config.database, { poolSize: 2, onIdleError: () => undefined, isPatient: true })
  try {
    await requireSchema(database)
    await act(config, database)
  } finally {
    await database.close()
  }
}

/** One answer, for programs as JSON, for people as lines. */
export function print(asJson: boolean | undefined, value: unknown, lines: () => readonly string[]): void {
  process.stdout.write(asJson ? `${JSON.stringify(value, null, 2)}\n` : `${lines().join('\n')}\n`)
}
