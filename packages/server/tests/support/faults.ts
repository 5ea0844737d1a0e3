import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KyselyPlugin } from 'kysely'
import { prepareFacts } from '../../src/access/facts.ts'
import { TreeCache } from '../../src/access/tree-cache.ts'
import { readConfig } from '../../src/config.ts'
import { type Context, createContext } from '../../src/context.ts'
import { prepareArrivals } from '../../src/credentials/arrival.ts'
import { Hasher, type HasherOptions, type Place } from '../../src/credentials/hasher.ts'
import { prepareIssuing } from '../../src/credentials/issue-token.ts'
import type { Database } from '../../src/db/database.ts'
import { openDoor } from '../../src/http/door.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { createServer } from '../../src/http/server.ts'
import type { HouseFile } from '../../src/imports/house-schema.ts'
import { checkHouse } from '../../src/imports/read-house.ts'
import { seedHouse } from '../../src/imports/seed.ts'

/** Breaks one step of the work that comes: a statement, the begin or the commit of a transaction, a hashing. */
export class Faults {
  #left = Number.POSITIVE_INFINITY
  #error = new Error()

  /** The nth step from now on fails; all others work. */
  arm(nth: number, error: Error): void {
    this.#left = nth
    this.#error = error
  }

  /** Whether a step failed since. */
  disarm(): boolean {
    const isHit = this.#left <= 0
    this.#left = Number.POSITIVE_INFINITY
    return isHit
  }

  step(): void {
    if (--this.#left === 0) throw this.#error
  }
}

export type FaultyServer = AsyncDisposable & {
  url: string
  /** Past the faults. */
  ctx: Context
  faults: Faults
  /** What the server keeps in memory of the house is gone, so that all of a request's statements are sent. */
  forget(): void
}

/** The real server, without its jobs, whose statements can be made to fail. */
export async function startFaulty(env: Record<string, string>, house: HouseFile): Promise<FaultyServer> {
  const folder = mkdtempSync(join(tmpdir(), 'license-faults-'))
  const config = readConfig({ LICENSE_DATA_DIR: folder, LICENSE_PORT: '0', LICENSE_LOG_LEVEL: 'silent', ...env })
  const ctx = await createContext(config, { migrates: 'always' })
  await seedHouse(ctx, checkHouse(house))
  const faults = new Faults()
  const db = faultyDatabase(ctx.db, faults)
  const hasher = new FaultyHasher(faults, { concurrency: 2, queue: 100, waitMs: 60_000 })
  const served = {
    ...ctx,
    db,
    hasher,
    facts: prepareFacts(db),
    findArrival: prepareArrivals(db),
    issueAtOnce: prepareIssuing(db),
  }
  const app = await createServer(served, openDoor(), createMetrics(served))
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    ctx,
    faults,
    forget() {
      served.trees = new TreeCache()
    },
    async [Symbol.asyncDispose]() {
      await app.close()
      await ctx[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function faultyDatabase(db: Database, faults: Faults): Database {
  const plugin: KyselyPlugin = {
    transformQuery({ node }) {
      faults.step()
      return node
    },
    transformResult: async ({ result }) => result,
  }
  return {
    ...db,
    read: db.read.withPlugin(plugin),
    async transaction(act, options) {
      faults.step()
      return db.transaction(async (tx) => {
        const result = await act(tx.withPlugin(plugin))
        // In place of the commit, which takes everything back when it fails.
        faults.step()
        return result
      }, options)
    },
    prepare(name, query) {
      const prepared = db.prepare(name, query)
      return async (values) => {
        faults.step()
        return prepared(values)
      }
    },
    prepareWrite(name, query) {
      const prepared = db.prepareWrite(name, query)
      return async (values) => {
        faults.step()
        return prepared(values)
      }
    },
  }
}

class FaultyHasher extends Hasher {
  readonly #faults: Faults

  constructor(faults: Faults, options: HasherOptions) {
    super(options)
    this.#faults = faults
  }

  override enter(name: string, since: number): Place {
    const place = super.enter(name, since)
    return {
      run: async (act) => {
        this.#faults.step()
        return place.run(act)
      },
      [Symbol.dispose]: () => place[Symbol.dispose](),
    }
  }
}
