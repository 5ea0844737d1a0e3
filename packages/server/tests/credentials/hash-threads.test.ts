import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sizeHashThreads } from '../../src/credentials/hash-threads.ts'
import { startServe } from '../commands/run.ts'

/** By the name of each thread of a process, how far its priority is lowered. */
function niceness(pid: number): { name: string; nice: number }[] {
  return readdirSync(`/proc/${pid}/task`).map((id) => {
    const stat = readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8')
    // The name is in brackets and may hold blanks; the nice value is the 17th after it.
    const [name = '', rest = ''] = [
      stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
      stat.slice(stat.lastIndexOf(')') + 2),
    ]
    return { name, nice: Number(rest.split(' ')[16]) }
  })
}

test('a server that is ready has measured its hashing, on threads that step back behind the others', {
  skip: process.platform === 'linux' ? false : 'threads have priorities on Linux only',
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'license-threads-'))
  const served = await startServe({ LICENSE_DATA_DIR: folder, LICENSE_HASH_CONCURRENCY: '5' })
  try {
    const threads = niceness(served.pid)
    const hashing = threads.filter(({ name }) => name.startsWith('libuv-worker'))
    const main = threads.find(({ name }) => name.startsWith('node'))
    // Five that hash and two for what must not wait for them.
    assert.equal(hashing.length, 7)
    for (const { nice } of hashing) assert.equal(nice, Math.min(19, (main?.nice ?? 0) + 5))
    for (const { name, nice } of threads) if (!name.startsWith('libuv-worker')) assert.equal(nice, main?.nice, name)
  } finally {
    await served.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('whoever set the number of threads knows better', () => {
  const env = { UV_THREADPOOL_SIZE: '3' }
  sizeHashThreads(env, 8)
  assert.deepEqual(env, { UV_THREADPOOL_SIZE: '3' })
  for (const [concurrency, threads] of [
    [1, '4'],
    [2, '4'],
    [16, '18'],
  ] as const) {
    const empty: Record<string, string | undefined> = {}
    sizeHashThreads(empty, concurrency)
    assert.deepEqual(empty, { UV_THREADPOOL_SIZE: threads })
  }
})
