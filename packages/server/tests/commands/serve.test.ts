import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { SERVER_PROGRAM } from '../support/programs.ts'
import { runCommand } from './run.ts'

function folder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'license-serve-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A port that somebody else listens on. */
async function takenPort(): Promise<{ port: number } & Disposable> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number } // An address of TCP is never a string.
  return { port, [Symbol.dispose]: () => server.close() }
}

test('an address that can not be had is named with its setting, and nothing stays open', async () => {
  using data = folder()
  using taken = await takenPort()
  const cases = [
    [{ LICENSE_METRICS_ADDRESS: `127.0.0.1:${taken.port}`, LICENSE_PORT: '0' }, 'LICENSE_METRICS_ADDRESS'],
    [{ LICENSE_METRICS_ADDRESS: '127.0.0.1:0', LICENSE_PORT: String(taken.port) }, 'LICENSE_PORT'],
    [{ LICENSE_HOST: '192.0.2.1', LICENSE_PORT: '0' }, 'LICENSE_HOST'],
    [{ LICENSE_HOST: 'no.such.host.invalid', LICENSE_PORT: '0' }, 'LICENSE_HOST'],
  ] as const
  for (const [env, setting] of cases) {
    // It ends by itself: a server that stayed would hold the test up.
    const { code, stdout, stderr } = await runCommand({ LICENSE_DATA_DIR: data.path, ...env }, ['serve'])
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`^[^\\n]+ Set [^\\n]*${setting}[^\\n]* to another\\.\\n$`))
    assert.equal(stdout, '')
  }
})

test('a data folder that can not be one is said in a sentence', async () => {
  using data = folder()
  const file = join(data.path, 'file')
  writeFileSync(file, '')
  for (const command of ['serve', 'migrate']) {
    const { code, stderr } = await runCommand({ LICENSE_DATA_DIR: file }, [command])
    assert.equal(code, 1)
    assert.match(stderr, /^\S+file can't be used \(E[A-Z]+\)\. Check LICENSE_DATA_DIR[^\n]*\n$/)
  }
})

test('a command that only looks leaves no database behind where there was none', async () => {
  using data = folder()
  const { code, stderr } = await runCommand({ LICENSE_DATA_DIR: join(data.path, 'typo') }, ['user', 'list'])
  assert.equal(code, 1)
  assert.match(stderr, /There is no database .*typo/)
  const { code: made } = await runCommand({ LICENSE_DATA_DIR: join(data.path, 'meant') }, ['migrate'])
  assert.equal(made, 0)
})

test('one Ctrl-C that arrives twice still stops in order', async () => {
  using data = folder()
  const env = { LICENSE_DATA_DIR: data.path, LICENSE_PORT: '0' }
  const child = spawn(process.execPath, ['--conditions=cloudspot-source', SERVER_PROGRAM, 'serve'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let log = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    if (!log.includes('"serving"') && (log + chunk).includes('"serving"')) {
      child.kill('SIGINT')
      child.kill('SIGINT')
      child.kill('SIGTERM')
    }
    log += chunk
  })
  const [code, signal] = await once(child, 'close')
  assert.deepEqual([code, signal], [0, null])
  assert.match(log, /"msg":"stopping/)
})

/** A server as a process of its own, ready; and what it was told to write so far. */
async function startProcess(env: Record<string, string>) {
  const child = spawn(process.execPath, ['--conditions=cloudspot-source', SERVER_PROGRAM, 'serve'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  for await (const line of createInterface(child.stdout)) {
    const { url } = JSON.parse(line) as { url?: string }
    if (url !== undefined) return { child, url, ended }
  }
  throw new Error('it ended without serving')
}

/** Whether the server still takes requests: an unknown application is told so. */
async function isServing(url: string): Promise<boolean> {
  const asked = fetch(`${url}/api/v1/auth/get-permissions/`, { headers: { 'x-license-module': 'none' } })
  return (await asked.catch(() => undefined))?.status === 401
}

test('told to stop, a server says that it is not ready, serves on for as long as is set, then ends', async () => {
  using data = folder()
  const env = { LICENSE_DATA_DIR: data.path, LICENSE_PORT: '0', LICENSE_DRAIN_SECONDS: '2' }
  const { child, url, ended } = await startProcess(env)
  assert.equal((await fetch(`${url}/readyz`)).status, 200)
  child.kill('SIGTERM')
  const told = performance.now()
  let ready = await fetch(`${url}/readyz`)
  while (ready.status === 200) ready = await fetch(`${url}/readyz`)
  assert.deepEqual([ready.status, await ready.json()], [503, { status: 'closing' }])
  // Whoever keeps a connection is told to let it go.
  assert.equal(ready.headers.get('connection'), 'close')
  assert.ok(await isServing(url))
  assert.equal((await fetch(`${url}/livez`)).status, 200)
  assert.deepEqual(await ended, [0, null])
  assert.ok(performance.now() - told >= 2_000)
  assert.ok(!(await isServing(url)))
})

test('the twin: where nothing is set, a server on SQLite ends at once', async () => {
  using data = folder()
  const { child, ended } = await startProcess({ LICENSE_DATA_DIR: data.path, LICENSE_PORT: '0' })
  child.kill('SIGTERM')
  const told = performance.now()
  assert.deepEqual(await ended, [0, null])
  assert.ok(performance.now() - told < 2_000)
})
