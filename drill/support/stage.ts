import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresCluster, startPostgres } from '../../tools/postgres.ts'
import { findToolFolder } from '../../tools/postgres-binaries.ts'

/** Where this machine's own PostgreSQL has its programs; undefined where it has none, or not all. */
export const toolFolder = findToolFolder()

/** All that a drill run starts and makes, so that nothing of it stays behind, however the run ends. */
export class Stage {
  readonly #folders = new Set<string>()
  readonly #programs = new Set<ChildProcess>()
  #postgres: Promise<PostgresCluster> | undefined
  #tooled: Promise<PostgresCluster> | undefined
  #databases = 0

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'license-drill-'))
    this.#folders.add(folder)
    return folder
  }

  watch(program: ChildProcess): void {
    this.#programs.add(program)
    program.once('close', () => this.#programs.delete(program))
  }

  /** One PostgreSQL for the whole run, which waits for the disk as a real one does. */
  postgres(): Promise<PostgresCluster> {
    this.#postgres ??= startPostgres({ fsync: true })
    return this.#postgres
  }

  /** This machine's own, beside which lies a pg_dump that fits it: npm's has none. */
  tooledPostgres(): Promise<PostgresCluster> {
    if (toolFolder === undefined) throw new Error('this machine has no PostgreSQL with pg_dump, pg_restore and psql')
    this.#tooled ??= startPostgres({ fsync: true, programs: toolFolder })
    return this.#tooled
  }

  /** The address of a new, empty database. */
  async newDatabase(of: Promise<PostgresCluster> = this.postgres()): Promise<string> {
    return (await of).createDatabase(`drill_${++this.#databases}`)
  }

  /** Without `await`, for a process that is about to exit. PostgreSQL does the same for itself. */
  clear(): void {
    for (const program of this.#programs) program.kill('SIGKILL')
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    this.#programs.clear()
    this.#folders.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.clear()
    await (await this.#postgres)?.[Symbol.asyncDispose]()
    await (await this.#tooled)?.[Symbol.asyncDispose]()
  }
}
