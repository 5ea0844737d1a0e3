// What goes wrong is told in sentences, with what to do, and the exit code says which kind it was.
import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ACME, GLOBEX, MANAGED_HOUSE, makeKey } from '../../server/tests/support/admin.ts'
import { startServer } from '../../server/tests/support/server.ts'
import { CommandLine, makeFolder } from './support/run.ts'

const folder = makeFolder()
const SOME_KEY = `clk_${'a'.repeat(49)}`

test('settings that are missing or wrong end with 2, before any server is asked', async () => {
  const cli = new CommandLine({})
  const noKey = await cli.refusal(2, ['whoami'])
  assert.match(noKey, /^There is no API key\. Put it in LICENSE_API_KEY, or in a file that --key-file names\.\n/)
  assert.match(noKey, /license-server key create --name setup --operator\n$/)
  const rows: [args: string[], env: Record<string, string>, told: RegExp][] = [
    [
      ['whoami'],
      { LICENSE_API_KEY: 'clt_abc' },
      /^LICENSE_API_KEY holds no API key\. It is one line that begins with clk_\.\n$/,
    ],
    [['whoami', '--key-file', folder.file('odd', 'two\nlines')], {}, /odd holds no API key/],
    [['whoami', '--key-file', '/nowhere/key'], {}, /^The key file \/nowhere\/key can't be read \(ENOENT\)\.\n$/],
    [
      ['whoami', '--server', 'license.example'],
      { LICENSE_API_KEY: SOME_KEY },
      /"license\.example" is no address of a License server/,
    ],
    [['whoami'], { LICENSE_API_KEY: SOME_KEY, LICENSE_SERVER: 'ftp://a' }, /is no address/],
    [['whoami', '--server', 'http://a:secret@b'], { LICENSE_API_KEY: SOME_KEY }, /holds a name or a password/],
  ]
  for (const [args, env, told] of rows) assert.match(await cli.refusal(2, args, { env }), told)
})

test('a key or a password on the command line is refused, and not repeated', async () => {
  const cli = new CommandLine({ LICENSE_API_KEY: SOME_KEY })
  for (const args of [
    ['whoami', '--key', SOME_KEY],
    [`--key=${SOME_KEY}`, 'whoami'],
    ['whoami', '--key'],
    ['key', 'list', '--key', SOME_KEY],
  ]) {
    const told = await cli.refusal(2, args)
    assert.match(told, /^A key is not given on the command line, where everybody on this machine sees it/)
    assert.match(told, /LICENSE_API_KEY, or in a file that --key-file names/)
    assert.ok(!told.includes(SOME_KEY))
  }
  for (const args of [[`--api-key=${SOME_KEY}`], ['user', 'add', 'a@b.test', SOME_KEY], ['key', 'remove', SOME_KEY]])
    assert.ok(!(await cli.refusal(2, args)).includes(SOME_KEY.slice(4)), args.join(' ').slice(0, 12))
  const password = await cli.refusal(2, ['user', 'set', 'anna@acme.test', '--password', 'hunter2'])
  assert.match(password, /^A password is not given on the command line/)
  assert.ok(!password.includes('hunter2'))
})

test('a server that does not answer, or is none, is told as that', async () => {
  const cli = new CommandLine({ LICENSE_API_KEY: SOME_KEY })
  const gone = await cli.refusal(1, ['whoami', '--server', 'http://127.0.0.1:1'])
  assert.equal(
    gone,
    'The License server at http://127.0.0.1:1 does not answer.\nDoes it run, and is --server or LICENSE_SERVER its address?\n',
  )
  const other = createServer((_, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hi</h1>'),
  )
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
  assert.match(await cli.refusal(1, ['whoami', '--server', url]), new RegExp(`is ${url} the License server\\?`))
  await new Promise((resolve) => other.close(resolve))
})

test('what the server refuses is told with what to do, and ends with 1', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  await cli.text(['license', 'set', 'ACME', 'crm', '--seats', '4'])
  const rows: [line: string, told: RegExp][] = [
    [
      'user show nobody@acme.test',
      /^There is no user nobody@acme\.test here, or none that this key may see\.\n`cloudspot-license user list`/,
    ],
    ['company show Nope', /^There is no company "Nope" here/],
    ['company show Glob', /\nThere is: Globex\.\n$/],
    ['application show nope', /^There is no such application\.\n$/],
    ['license show ACME nope', /no license|no such/],
    ['member show emil@example.test ACME', /no such member/],
    ['seat add boris@acme.test ACME crm', /\nTake a seat from somebody \(`seat remove`\)/],
    ['seat add boris@acme.test ACME spare', /\n`license add` gives the company one\.\n$/],
    ['grant add boris@acme.test ACME crm create_invoice', /\n`seat add` gives one\.\n$/],
    ['grant add bert@acme.test ACME crm creat_invoice', /"creat_invoice" is no permission of this application/],
    ['grant remove bert@acme.test ACME crm list_invoices', /\nAdd --cascade to take those too\.\n$/],
    ['grant remove anna@acme.test ACME crm list_invoices', /explain anna@acme\.test/],
    ['role remove crm clerk', /first/],
    ['user add anna@acme.test', /has an account in this house already/],
    ['license set ACME crm --until 2026-13-01', /^--until is no day and no moment with an offset; write 2026-12-31/],
    ['application set crm --network nowhere', /^--network\[0\] is no address or network/],
    ['key add --name x --scope nothing:read', /^--scope\[0\] is no scope: there are \*.* with :read or :write\.\n$/],
    ['explain anna@acme.test ACME crm nope', /"nope" is no permission of crm/],
    ['user remove olga@house.test --yes', /the only operator/],
    ['token remove anna@acme.test 17', /^token must be a UUID\.\n$/],
    ['audit list --act nope', /^--act must be one of house\.seeded, .*, or of \d+ others\.\n$/],
  ]
  const wrong: string[] = []
  for (const [line, told] of rows) {
    const said = await cli.refusal(1, line.split(' '))
    if (!told.test(said)) wrong.push(`${line}: ${said}`)
  }
  assert.deepEqual(wrong, [])

  const used: [line: string, told: RegExp][] = [
    ['user show 42', /^"42" is no address and no id\. Name a user like anna@acme\.example\.\n$/],
    ['user set anna@acme.test', /^There is nothing to change: name what is to be different/],
    ['license list', /^Name a company, or an --application\.\n$/],
    ['grant add bert@acme.test ACME crm', /^Name a permission, or a --role, and not both\.\n$/],
    ['role set crm clerk --drop nope', /The role clerk does not have nope\. It has: create_invoice\./],
    ['audit verify', /license-server audit verify\n$/],
    ['audit anchor', /license-server audit anchor/],
    ['types crm --check', /--check compares with a file: name it with --out/],
  ]
  for (const [line, told] of used) assert.match(await cli.refusal(2, line.split(' ')), told)
})

test('a key that is wrong, revoked, or made for something else is told as that', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const wrong = new CommandLine({ LICENSE_SERVER: server.url, LICENSE_API_KEY: SOME_KEY })
  assert.match(
    await wrong.refusal(1, ['whoami']),
    /^This API key is not valid[\s\S]*Is it the whole key, of this server/,
  )
  const support = await CommandLine.at(server, { power: { kind: 'support' } })
  assert.match(
    await support.refusal(1, ['company', 'add', 'New']),
    /for operators[\s\S]*`cloudspot-license whoami` shows/,
  )
  const reader = await CommandLine.at(server, { scopes: ['users:read'] })
  assert.match(
    await reader.refusal(1, ['company', 'list']),
    /needs the scope "companies:read"[\s\S]*cloudspot-license key add/,
  )
  await reader.text(['user', 'list'])
  const file = folder.file('key', `${await makeKey(server)}\n`)
  chmodSync(file, 0o600)
  const byFile = new CommandLine({ LICENSE_SERVER: server.url })
  assert.match(await byFile.text(['whoami', '--key-file', file]), /run the whole house/)
  chmodSync(file, 0o644)
  const { code, stderr } = await byFile.run(['whoami', '--key-file', file])
  assert.deepEqual([code, stderr], [0, `Other users of this machine may read ${file}: chmod 600 ${file}\n`])
})

test('a name that several have is refused with all of them', async () => {
  const twins = [
    { id: ACME, name: 'Twin' },
    { id: GLOBEX, name: 'twin' },
  ]
  await using server = await startServer('sqlite', { house: { companies: twins } })
  const cli = await CommandLine.at(server)
  assert.equal((await cli.json(['company', 'show', 'Twin'])).id, ACME)
  assert.equal((await cli.json(['company', 'show', 'twin'])).id, GLOBEX)
  const told = await cli.refusal(1, ['company', 'show', 'TWIN'])
  assert.match(told, /^2 companies are called "TWIN"\. Say which by its id:\n/)
  for (const { id, name } of twins) assert.ok(told.includes(`  ${id}  ${name}\n`))
  assert.equal((await cli.json(['company', 'show', GLOBEX])).name, 'twin')
})

test('what can not be taken back is done with --yes alone where nobody can be asked', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const before = await cli.json(['user', 'list'])
  for (const [line, asks] of [
    ['user remove bert@acme.test', 'Delete bert@acme.test for good, with all seats and grants?'],
    ['member remove bert@acme.test ACME', 'Take bert@acme.test out of ACME, with all seats and grants there?'],
    ['seat remove bert@acme.test ACME crm', 'Take bert@acme.test the seat in crm for ACME'],
    ['token remove bert@acme.test', 'Sign bert@acme.test out of all applications?'],
    ['application secret crm', 'Give CRM a new secret?'],
  ] as const) {
    const told = await cli.refusal(1, line.split(' '))
    assert.ok(told.startsWith(asks), told)
    assert.match(told, /\nNothing was changed: there is nobody to ask here\. Add --yes to do it\.\n$/)
  }
  assert.match(
    await cli.refusal(1, ['key', 'remove', 'a test']),
    /^Revoke the key "a test"\? It is the one that asks\./,
  )
  assert.deepEqual(await cli.json(['user', 'list']), before)
  assert.equal((await cli.json(['grant', 'list', 'bert@acme.test', 'ACME'])).length, 2)
})

test('with --check a "no" ends with 3, and without it the answer was all that was asked for', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const may = (...more: string[]) => cli.run(['explain', 'bert@acme.test', 'ACME', 'crm', ...more])
  assert.equal((await may('create_invoice', '--check')).code, 0)
  assert.equal((await may('approve_invoice', '--check')).code, 3)
  assert.equal((await may('approve_invoice')).code, 0)
  assert.equal((await may('nope', '--check')).code, 1)
})
