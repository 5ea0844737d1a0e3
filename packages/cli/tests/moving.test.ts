// Whole files: users in, the house and its audit out.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LicenseAdmin } from 'cloudspot-license-api/admin'
import { MANAGED_HOUSE } from '../../server/tests/support/admin.ts'
import { CHEAP_HASH, PASSWORD } from '../../server/tests/support/house.ts'
import { databases, startServer } from '../../server/tests/support/server.ts'
import { digestOf } from '../src/import/read-users.ts'
import { CommandLine, makeFolder } from './support/run.ts'

const folder = makeFolder()

const NAMES = 'id,username,email,first_name,last_name,password,is_active'
const person = (nth: number) => `${nth},user${nth},user${nth}@acme.test,User,Nr ${nth},"${CHEAP_HASH}",1`
const ODD = [
  '9001,anna,anna@acme.test,Anna,Other,,1',
  '9002,bad,not an address,Bad,One,,1',
  '9003,odd,odd@acme.test,Odd,One,,maybe',
]

for (const database of databases) {
  test(`a file of users is looked at first, and taken in with its passwords (${database})`, async () => {
    await using server = await startServer(database, { house: MANAGED_HOUSE })
    const cli = await CommandLine.at(server)
    const file = folder.file('users.csv', [NAMES, person(1), person(2), ...ODD, ''].join('\n'))
    const report = join(folder.path, 'report.csv')

    const dry = await cli.run(['import', 'users', file, '--report', report])
    assert.equal(dry.code, 1, 'some would be refused')
    assert.match(dry.stdout, /has 5 rows\. If they were taken in:\n {2}new +2\n.*there already.* 1\n {2}refused +2\n/)
    assert.match(dry.stdout, / {4}line 5: .*address.*\n {4}line 6: active is neither true nor false\n/)
    assert.match(dry.stdout, /Nothing was stored\. Add --apply to take them in\.\n$/)
    assert.deepEqual(
      readFileSync(report, 'utf8')
        .split('\r\n')
        .map((line) => line.split(',').slice(0, 2).join(' ')),
      ['line outcome', '2 created', '3 created', '4 existing', '5 refused', '6 refused', ''],
    )
    assert.equal(statSync(report).mode & 0o777, 0o600)
    assert.equal((await cli.json(['user', 'list', 'user'])).length, 0)

    const taken = await cli.run(['import', 'users', file, '--apply', '--company', 'ACME', '--json'])
    const { created, existing, refused } = JSON.parse(taken.stdout)
    assert.deepEqual([created, existing, refused], [2, 1, 2])
    assert.equal((await cli.json(['member', 'list', 'ACME', 'user'])).length, 2)
    assert.equal((await cli.json(['user', 'show', 'anna@acme.test'])).last_name, 'Ames', 'who was there stays as is')
    await cli.text(['seat', 'add', 'user1@acme.test', 'ACME', 'crm'])
    await server.license('crm').authenticate('user1@acme.test', PASSWORD)
    const again = JSON.parse(
      (await cli.run(['import', 'users', file, '--apply', '--company', 'ACME', '--json'])).stdout,
    )
    assert.deepEqual([again.created, again.existing], [0, 3])
  })
}

test('of which new users something is not taken over is told', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const lines = ['email,is_superuser', 'boss@acme.test,t', 'anna@acme.test,t', 'clerk@acme.test,f', '']
  const file = folder.file('bosses.csv', lines.join('\n'))
  const report = join(folder.path, 'bosses-report.csv')
  const told = await cli.text(['import', 'users', file, '--apply', '--report', report])
  assert.match(told, /\nOf 1 new ones something is not taken over: .*bosses-report\.csv tells of which, and what\.\n/)
  assert.equal(
    readFileSync(report, 'utf8'),
    [
      'line,outcome,reason',
      '2,created,"is_superuser and is_staff are not taken over: give rights here"',
      '3,existing,""',
      '4,created,""',
      '',
    ].join('\r\n'),
  )
})

test('an import goes on where it ended', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  const many = Array.from({ length: 1_200 }, (_, nth) => person(nth))
  const file = folder.file('many.csv', [NAMES, ...many, ''].join('\n'))
  // As an earlier run left it that was stopped after its first part.
  const admin = new LicenseAdmin({ baseUrl: server.url, apiKey: cli.key })
  const begun = await admin.imports.start({
    kind: 'users',
    name: 'many.csv',
    digest: await digestOf(file),
    total: 1_200,
  })
  const rows = Array.from({ length: 500 }, (_, nth) => ({ email: `user${nth}@acme.test`, password_hash: CHEAP_HASH }))
  await admin.imports.rows(begun.id, { from: 0, rows })

  const report = join(folder.path, 'many-report.csv')
  const told = await cli.text(['import', 'users', file, '--apply', '--report', report])
  assert.match(told, /has 1200 rows:\n {2}new +1200\n/)
  assert.match(told, /It went on after 500 rows, where it had ended before\.\n$/)
  const lines = readFileSync(report, 'utf8').split('\r\n')
  assert.deepEqual([lines[1], lines[500], lines[501]], ['2,done before,""', '501,done before,""', '502,created,""'])
  assert.ok((await admin.imports.get(begun.id)).finished_at)
  assert.equal((await cli.json(['user', 'list', 'user1199@acme.test'])).length, 1)
})

test('a file that is none of users is told as that', async () => {
  await using server = await startServer('sqlite')
  const cli = await CommandLine.at(server)
  assert.match(
    await cli.refusal(2, ['import', 'users', folder.file('odd.csv', 'a,b\n1,2\n')]),
    /can't be read as a file of users\.\nThe first line must name/,
  )
  assert.match(await cli.refusal(1, ['import', 'users', folder.file('no.csv', `${NAMES}\n`)]), /has no users in it/)
  assert.match(
    await cli.refusal(1, ['import', 'users', '/nowhere/a.csv']),
    /^\/nowhere\/a\.csv can't be used \(ENOENT\)\.\n$/,
  )
})

test('the house and the audit are written to files that are whole, and for their owner alone', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  await cli.text(['company', 'add', 'Initech'])
  for (const args of [
    ['export', 'house.ndjson'],
    ['audit', 'export', 'audit.ndjson'],
    ['audit', 'export', 'audit.csv', '--format', 'csv', '--from', '2020-01-01'],
  ]) {
    const file = join(folder.path, args.find((each) => each.includes('.')) ?? '')
    const typed = args.map((each) => (each.includes('.') ? file : each))
    const { lines } = await cli.json(typed)
    const text = readFileSync(file, 'utf8')
    assert.equal(text.trimEnd().split('\n').length, lines)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.ok(text.includes('Initech') || args.includes('csv'))
    assert.match(text, /\n(\{"end":true,.*|end,\d+ entries,*)\r?\n$/)
    const piped = await cli.text(typed.map((each) => (each === file ? '-' : each)))
    assert.match(piped, /\n(\{"end":true,.*|end,\d+ entries,*)\r?\n$/)
    assert.ok(!existsSync(`${file}.partial`))
  }
  const company = await CommandLine.at(server, { power: { kind: 'support' } })
  const file = join(folder.path, 'refused.ndjson')
  assert.match(await company.refusal(1, ['export', file]), /for operators/)
  assert.ok(!existsSync(file) && !existsSync(`${file}.partial`))
})

test('a disk that is full is told in a sentence, and leaves nothing behind', {
  skip: !existsSync('/dev/full'),
}, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  const cli = await CommandLine.at(server)
  for (const args of [['export'], ['audit', 'export']]) {
    const file = join(folder.path, 'full.ndjson')
    symlinkSync('/dev/full', `${file}.partial`)
    assert.equal(await cli.refusal(1, [...args, file]), `${file} can't be written (ENOSPC).\n`)
    assert.deepEqual(
      [existsSync(file), readdirSync(folder.path).filter((name) => name.includes('partial'))],
      [false, []],
    )
  }
})
