import { basename } from 'node:path'
import type { ImportOptions, LicenseAdmin, RowReport } from 'cloudspot-license-api/admin'
import { CommandError } from '../errors.ts'
import type { Progress } from '../output/progress.ts'
import { readAhead } from './read-ahead.ts'
import { digestOf, readUsers, type UserRow } from './read-users.ts'
import type { Report } from './report-file.ts'
import { UnreadableFile } from './unreadable-file.ts'

/** So many rows are sent at once: in one transaction of the server's. */
const ROWS = 500
/** A body may have 256 kB. */
const BYTES = 200_000

/** A file that was read once: whose digest it has, and which rows are worth sending. */
export type ReadFile = { path: string; digest: string; total: number; faults: Fault[]; unread: number }
export type Fault = { line: number; reason: string }

export type Outcome = {
  rows: number
  created: number
  existing: number
  refused: number
  /** New ones of which something is not taken over. */
  noted: number
  /** The first hundred that are refused. */
  faults: Fault[]
  /** How many rows were done before this run. */
  resumed_at: number
}

export type Watch = { report: Report; progress: Progress }

const FAULTS = 100

/** @throws CommandError where the file is none of users */
export async function readFile(path: string): Promise<ReadFile> {
  let total = 0
  let unread = 0
  const faults: Fault[] = []
  try {
    for await (const read of readUsers(path)) {
      if (!('fault' in read)) total++
      else {
        unread++
        if (faults.length < FAULTS) faults.push({ line: read.line, reason: read.fault })
      }
    }
    if (total + unread === 0) throw new CommandError(`${path} has no users in it.`)
    return { path, digest: await digestOf(path), total, faults, unread }
  } catch (error) {
    if (error instanceof UnreadableFile)
      throw new CommandError([`${path} can't be read as a file of users.`, error.message], 2)
    throw error
  }
}

/** What would become of each row. Stores nothing. */
export async function checkUsers(
  admin: LicenseAdmin,
  file: ReadFile,
  options: ImportOptions,
  watch: Watch,
): Promise<Outcome> {
  const outcome = newOutcome(file, 0)
  for await (const batch of readAhead(batchesOf(file, 0))) {
    const rows = batch.rows.length === 0 ? [] : (await admin.imports.check({ ...sent(batch), options })).rows
    count(outcome, batch, rows, watch)
  }
  return outcome
}

/** Takes the rows in, from where the same file ended the last time. */
export async function importUsers(
  admin: LicenseAdmin,
  file: ReadFile,
  options: ImportOptions,
  watch: Watch,
): Promise<Outcome> {
  // Nothing to send: what is wrong with each is told all the same.
  if (file.total === 0) return checkUsers(admin, file, options, watch)
  const started = await admin.imports.start({
    kind: 'users',
    name: basename(file.path).slice(0, 200),
    digest: file.digest,
    total: file.total,
    options,
  })
  const outcome = newOutcome(file, started.done)
  outcome.created = started.created
  outcome.existing = started.existing
  outcome.refused += started.refused
  watch.progress.advance(started.done)
  for await (const batch of readAhead(batchesOf(file, started.done))) {
    const rows = batch.rows.length === 0 ? [] : (await admin.imports.rows(started.id, sent(batch))).rows
    count(outcome, batch, rows, watch)
  }
  return outcome
}

function newOutcome({ total, unread, faults }: ReadFile, resumed_at: number): Outcome {
  return { rows: total + unread, created: 0, existing: 0, refused: unread, noted: 0, faults: [...faults], resumed_at }
}

/** `told`: of these lines it is known what became of them. */
type Batch = { from: number; rows: UserRow[]; places: Place[]; told: Told[] }
type Place = { line: number; notes: readonly string[] }
type Told = { line: number; outcome: string; reason?: string | undefined }

/** The rows after the first `skipped`, as many at once as one request takes. */
async function* batchesOf(file: ReadFile, skipped: number): AsyncGenerator<Batch> {
  let at = 0
  let bytes = 0
  let batch: Batch = { from: skipped, rows: [], places: [], told: [] }
  for await (const read of readUsers(file.path)) {
    if ('fault' in read) {
      batch.told.push({ line: read.line, outcome: 'refused', reason: read.fault })
      continue
    }
    if (at++ < skipped) {
      batch.told.push({ line: read.line, outcome: 'done before' })
      continue
    }
    const size = Buffer.byteLength(JSON.stringify(read.row))
    if (batch.rows.length === ROWS || (batch.rows.length > 0 && bytes + size > BYTES)) {
      yield batch
      batch = { from: batch.from + batch.rows.length, rows: [], places: [], told: [] }
      bytes = 0
    }
    batch.rows.push(read.row)
    batch.places.push(read)
    bytes += size
  }
  if (batch.rows.length + batch.told.length > 0) yield batch
}

function sent({ from, rows }: Batch) {
  return { from, rows }
}

function count(outcome: Outcome, batch: Batch, rows: readonly RowReport[], { report, progress }: Watch): void {
  for (const { row, outcome: became, reason } of rows) {
    const { line, notes } = batch.places[row - batch.from] ?? { line: 0, notes: [] }
    const noted = became === 'created' ? notes : []
    outcome[became]++
    if (noted.length > 0) outcome.noted++
    batch.told.push({ line, outcome: became, reason: reason ?? noted.join('; ') })
    if (became === 'refused' && outcome.faults.length < FAULTS) outcome.faults.push({ line, reason: reason ?? '' })
  }
  outcome.faults.sort((a, b) => a.line - b.line)
  for (const told of batch.told.sort((a, b) => a.line - b.line)) report.write(told.line, told.outcome, told.reason)
  progress.advance(batch.rows.length)
}
