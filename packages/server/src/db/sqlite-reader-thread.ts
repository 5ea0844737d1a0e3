// The thread of sqlite-reader.ts: answers prepared queries, several in a message.
import type { StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { openSqliteReader } from './sqlite-file.ts'

export type Asked = readonly [id: number, sql: string, values: readonly unknown[]]
/** Undefined where the query failed: whoever asked asks again, and gets the error itself. */
export type Told = readonly [id: number, rows: unknown[][] | undefined]

/** Told at once, so that the one who asked works on while the rest of a long batch is read. */
const TOLD_AT_ONCE = 4

const database = openSqliteReader(workerData as string) // As sqlite-reader.ts starts it.
const statements = new Map<string, StatementSync>()

parentPort?.on('message', (asked: readonly Asked[] | undefined) => {
  if (!asked) {
    database.close()
    parentPort?.close()
    return
  }
  for (let from = 0; from < asked.length; from += TOLD_AT_ONCE)
    parentPort?.postMessage(asked.slice(from, from + TOLD_AT_ONCE).map(answer))
})
parentPort?.postMessage([] satisfies Told[]) // It is ready.

function answer([id, sql, values]: Asked): Told {
  try {
    return [id, prepare(sql).all(...(values as string[])) as unknown as unknown[][]] // Arrays, by setReturnArrays.
  } catch {
    return [id, undefined]
  }
}

function prepare(sql: string): StatementSync {
  const known = statements.get(sql)
  if (known) return known
  const statement = database.prepare(sql)
  statement.setReturnArrays(true)
  statements.set(sql, statement)
  return statement
}
