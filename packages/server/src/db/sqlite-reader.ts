import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import type { PreparedQuery } from './database.ts'
import type { Asked, Told } from './sqlite-reader-thread.ts'

/** Asked so often within a second, queries get a thread of their own. */
const BUSY_QUERIES = 200
const BUSY_WINDOW_MS = 1_000
/** After one that fell, whatever brought it down may still be there. */
const REST_MS = 60_000

/**
 * The prepared queries on a SQLite file. A process that is asked little answers them where it stands. One that is asked a lot
 * starts a thread with a connection of its own, so that they are read on another core (docs/decisions/0008).
 */
export class SqliteReader {
  readonly #database: DatabaseSync
  readonly #file: string
  #thread: ReaderThread | undefined
  #isClosed = false
  #notBefore = 0
  #windowEnd = 0
  #asked = 0

  /** @param database A connection to that file; it stays the caller's to close. */
  constructor(database: DatabaseSync, file: string) {
    this.#database = database
    this.#file = file
  }

  prepare(sql: string): PreparedQuery {
    const statement = this.#database.prepare(sql)
    statement.setReturnArrays(true)
    return async (values) => {
      const told = await this.#busyThread()?.ask(sql, values)
      // What the thread can't answer is asked here, where the reason is told. The types of node:sqlite don't follow setReturnArrays.
      return told ?? (statement.all(...(values as string[])) as unknown as unknown[][])
    }
  }

  /** Answers what was asked before. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#thread?.close()
  }

  #busyThread(): ReaderThread | undefined {
    if (this.#thread) return this.#thread
    const now = performance.now()
    if (now > this.#windowEnd) {
      this.#windowEnd = now + BUSY_WINDOW_MS
      this.#asked = 0
    }
    // On one core a second thread would only take turns with this one.
    const isBusy = ++this.#asked >= BUSY_QUERIES && availableParallelism() > 1
    if (isBusy && !this.#isClosed && now > this.#notBefore) this.#start()
    return undefined
  }

  #start(): void {
    this.#thread = new ReaderThread(this.#file, () => {
      this.#thread = undefined
      this.#notBefore = performance.now() + REST_MS
    })
  }
}

class ReaderThread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, (rows: unknown[][] | undefined) => void>()
  #isReady = false
  #lastId = 0
  #batch: Asked[] = []

  constructor(file: string, whenGone: () => void) {
    // The same file is a .ts here and a .js in the package.
    const code = new URL(`./sqlite-reader-thread${extname(import.meta.url)}`, import.meta.url)
    this.#worker = new Worker(code, { workerData: file, name: 'sqlite-reader' })
    // Whoever waits for an answer holds the process, not this thread.
    this.#worker.unref()
    this.#worker.on('message', (told: Told[]) => {
      this.#isReady = true
      for (const [id, rows] of told) this.#tell(id, rows)
    })
    // It fell: those that wait ask where they stand, and a later one starts another.
    this.#worker.on('error', () => undefined)
    this.#worker.on('exit', () => {
      this.#isReady = false
      whenGone()
      for (const id of [...this.#waiting.keys()]) this.#tell(id, undefined)
    })
  }

  /** The rows; undefined where it can't tell, or not yet. */
  ask(sql: string, values: readonly unknown[]): Promise<unknown[][] | undefined> | undefined {
    if (!this.#isReady) return undefined
    const id = ++this.#lastId
    // What comes in one turn of the loop goes over as one message.
    if (this.#batch.length === 0) setImmediate(() => this.#send())
    this.#batch.push([id, sql, values])
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }

  async close(): Promise<void> {
    this.#send()
    const gone = once(this.#worker, 'exit')
    this.#worker.ref()
    this.#worker.postMessage(undefined)
    await gone
  }

  #send(): void {
    if (this.#batch.length > 0) this.#worker.postMessage(this.#batch)
    this.#batch = []
  }

  #tell(id: number, rows: unknown[][] | undefined): void {
    this.#waiting.get(id)?.(rows)
    this.#waiting.delete(id)
  }
}
