// The key that the program was given is in nothing that it prints, whatever happens.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { MANAGED_HOUSE } from '../../server/tests/support/admin.ts'
import { startServer } from '../../server/tests/support/server.ts'
import { CommandLine, makeFolder } from './support/run.ts'

const folder = makeFolder()

test('no answer and no refusal has the key in it', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const lines = [
    ['whoami'],
    ['key', 'list'],
    ['key', 'show', 'a test'],
    ['key', 'remove', cli.key],
    ['key', 'add', '--name', cli.key.slice(0, 10)],
    ['user', 'show', cli.key],
    ['company', 'show', cli.key],
    ['application', 'show', cli.key],
    ['plan', cli.key],
    ['whoami', cli.key],
    ['whoami', `--${cli.key}`],
    ['whoami', '--server', `http://127.0.0.1:1/${cli.key}`],
    ['whoami', '--key-file', `/nowhere/${cli.key}`],
    ['audit', 'list'],
    ['export', '-'],
    ['audit', 'export', '-'],
    ['company', 'list', '--server', 'http://127.0.0.1:1'],
  ]
  for (const args of lines) {
    for (const more of [[], ['--json']]) {
      const { stdout, stderr } = await cli.run([...args, ...more], { env: { NODE_DEBUG: '', DEBUG: '*' } })
      assert.ok(!(stdout + stderr).includes(cli.key.slice(4)), `${args.join(' ')}: ${stdout}${stderr}`)
    }
  }
  // One that is made is told, and is another.
  const { key } = await cli.json(['key', 'add', '--name', 'new'])
  assert.match(key, /^clk_/)
  assert.notEqual(key, cli.key)
})

test('a server that sends the key back, or elsewhere, gets it printed nowhere', async () => {
  const seen: string[] = []
  const hostile = createServer((request, response) => {
    const key = request.headers.authorization ?? ''
    seen.push(key)
    if (request.url?.includes('/companies')) {
      response.writeHead(302, { location: `http://127.0.0.1:1/${key}` }).end()
      return
    }
    const problem = { code: 'not_allowed', detail: `You sent ${key}`, errors: [{ path: `/${key}`, message: key }] }
    response.writeHead(403, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
  })
  await new Promise<void>((resolve) => hostile.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`
  const key = `clk_${'k'.repeat(49)}`
  const cli = new CommandLine({ LICENSE_SERVER: url, LICENSE_API_KEY: key })
  for (const args of [
    ['whoami'],
    ['company', 'list'],
    ['user', 'list'],
    ['export', '-'],
    ['export', `${folder.path}/x`],
  ])
    assert.ok(!(await cli.refusal(1, args)).includes('kkkkkkkk'), args.join(' '))
  assert.ok(seen.every((header) => header === `Bearer ${key}`) && seen.length >= 4)
  await new Promise((resolve) => hostile.close(resolve))
})
