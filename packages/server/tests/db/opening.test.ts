import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'

/** Has the file for itself for a while, as whoever is the last to close it has. */
const HOLDER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { DatabaseSync } = require('node:sqlite')
  const database = new DatabaseSync(workerData.file)
  database.exec('pragma locking_mode = exclusive; begin exclusive; commit')
  parentPort.postMessage('held')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, workerData.ms)
  database.close()
`

test('a file that another process just closes is opened all the same, and one that stays taken is not waited for long', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'license-opening-'))
  const file = join(folder, 'license.db')
  const open = () => openDatabase({ kind: 'sqlite', file }, { poolSize: 1, onIdleError: () => undefined })
  const held = async (ms: number) => {
    const worker = new Worker(HOLDER, { eval: true, workerData: { file, ms } })
    await once(worker, 'message')
    return worker
  }
  try {
    const first = open()
    await migrate(first)
    await first.close()
    const closing = await held(300)
    const second = open()
    assert.equal((await second.read.selectFrom('house').selectAll().execute()).length, 1)
    await second.close()
    await closing.terminate()

    const stays = await held(60_000)
    const startedAt = performance.now()
    assert.throws(open, /database is locked/)
    assert.ok(performance.now() - startedAt < 10_000)
    await stays.terminate()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
