import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { SERVER_PROGRAM } from '../support/programs.ts'

/** What the real server logs at `warn` while requests with these headers come, a line each. */
async function warnings(requests: readonly Record<string, string>[], env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'license-'))
  const child = spawn(process.execPath, ['--conditions=cloudspot-source', SERVER_PROGRAM, 'serve'], {
    env: { PATH: process.env.PATH ?? '', LICENSE_DATA_DIR: folder, LICENSE_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const told: { msg: string; peer: string; header: string }[] = []
  const url = Promise.withResolvers<string>()
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    const entry = JSON.parse(line)
    if (entry.url !== undefined) url.resolve(entry.url)
    if (entry.level === 'warn') told.push(entry)
  })
  try {
    for (const headers of requests) await (await fetch(`${await url.promise}/livez`, { headers })).text()
  } finally {
    const read = once(lines, 'close')
    child.kill('SIGTERM')
    await Promise.all([ended, read])
    rmSync(folder, { recursive: true, force: true })
  }
  return told
}

test('the first forwarded header from a proxy that nobody named is told of, once', async () => {
  const told = await warnings([{}, { 'x-forwarded-for': '192.0.2.1' }, { forwarded: 'for=192.0.2.2' }])
  assert.equal(told.length, 1)
  assert.equal(told[0]?.peer, '127.0.0.1')
  assert.equal(told[0]?.header, 'x-forwarded-for')
  assert.match(told[0]?.msg ?? '', /not in LICENSE_TRUSTED_PROXIES.*If 127\.0\.0\.1 is your proxy, add it there/)
})

test('a proxy that is named is not told of', async () => {
  const named = { LICENSE_TRUSTED_PROXIES: '10.0.0.0/8, 127.0.0.1' }
  assert.deepEqual(await warnings([{ 'x-forwarded-for': '192.0.2.1' }], named), [])
  assert.deepEqual(await warnings([{}]), [])
})
