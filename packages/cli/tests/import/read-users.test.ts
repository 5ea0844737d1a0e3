import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { digestOf, type ReadUser, readUsers } from '../../src/import/read-users.ts'
import { UnreadableFile } from '../../src/import/unreadable-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'license-users-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
function fileOf(content: string | Uint8Array): string {
  const file = join(folder, `users-${++count}`)
  writeFileSync(file, content)
  return file
}

async function read(content: string | Uint8Array): Promise<ReadUser[]> {
  return readFile(fileOf(content))
}

async function readFile(file: string): Promise<ReadUser[]> {
  const found: ReadUser[] = []
  for await (const each of readUsers(file)) found.push(each)
  return found
}

async function rows(content: string | Uint8Array): Promise<object[]> {
  return (await read(content)).map((each) => ('row' in each ? each.row : { fault: each.fault }))
}

const DJANGO = 'pbkdf2_sha256$600000$c2FsdA$aGFzaA=='

test("Django's auth_user as it is copied out of a database", async () => {
  const found = await read(
    'id,password,last_login,is_superuser,username,first_name,last_name,email,is_staff,is_active,date_joined\n' +
      `1,${DJANGO},,f,anna,Anna,Ames,anna@acme.test,f,t,2019-03-04 05:06:07.891011+00\n` +
      '2,!unusable,2020-01-01,t,bert@acme.test,Bert,,,t,f,2019-03-04 05:06:07+02:00\n',
  )
  assert.deepEqual(found, [
    {
      line: 2,
      row: {
        email: 'anna@acme.test',
        password_hash: DJANGO,
        first_name: 'Anna',
        last_name: 'Ames',
        active: true,
        created_at: '2019-03-04T05:06:07.891Z',
      },
      notes: [],
    },
    {
      line: 3,
      row: {
        email: 'bert@acme.test',
        password_hash: '!unusable',
        first_name: 'Bert',
        active: false,
        created_at: '2019-03-04T03:06:07.000Z',
      },
      notes: ['is_superuser and is_staff are not taken over: give rights here'],
    },
  ])
})

test('a byte order mark, semicolons, tabs, quotes and other line breaks are read, and lines are counted', async () => {
  const anna = { email: 'anna@acme.test', first_name: 'Anna "A"', last_name: 'A;m\nes' }
  for (const delimiter of [',', ';', '\t'])
    for (const end of ['\n', '\r\n']) {
      const text = ['email,first_name,last_name', 'anna@acme.test,"Anna ""A""","A;m\nes"', '', 'bert@acme.test,Bert,B']
        .map((line) => line.replaceAll(',', delimiter))
        .join(end)
      const found = await read(`\uFEFF${text}${end}`)
      assert.deepEqual(
        found.map((each) => [each.line, 'row' in each && each.row]),
        [
          [2, anna],
          [5, { email: 'bert@acme.test', first_name: 'Bert', last_name: 'B' }],
        ],
        JSON.stringify([delimiter, end]),
      )
    }
})

test('an id is kept where it is a UUID, and no other', async () => {
  const id = '0190A000-0000-7000-8000-00000000000A'
  assert.deepEqual(await rows(`id,email\n7,a@x.test\n${id},b@x.test`), [
    { email: 'a@x.test' },
    { email: 'b@x.test', id: id.toLowerCase() },
  ])
})

test('a row that is wrong is told with its line, without what is in it, and the next one is read', async () => {
  const found = await read(
    'email,first_name,active\na@x.test,A\n,B,1\nc@x.test,C,perhaps\nA@X.test ,D,1\na@x.test,E,1\nf@x.test,F,1\n',
  )
  assert.deepEqual(
    found.map((each) => [each.line, 'fault' in each ? each.fault : each.row.email]),
    [
      [2, 'it has 2 columns, and the first line names 3'],
      [3, 'it has no email (nor a username)'],
      [4, 'active is neither true nor false'],
      [5, 'A@X.test '],
      [6, 'its address is the one of line 5'],
      [7, 'f@x.test'],
    ],
  )
})

test('a quote that is missing ends the reading, and is told', async () => {
  const found = await read('email,first_name\na@x.test,A\nb@x.test,"B\nc@x.test,C\n')
  assert.deepEqual(found[0], { line: 2, row: { email: 'a@x.test', first_name: 'A' }, notes: [] })
  assert.equal(found.length, 2)
  assert.match(JSON.stringify(found[1]), /quotes do not match; what follows it can not be read/)
  const odd = await read('email,first_name\na@x.test,A\nb@x.test,secret"B\nc@x.test,C\n')
  assert.deepEqual(odd, [found[0], { line: 3, fault: 'its quotes do not match; what follows it can not be read' }])
  const endless = await read(`email,first_name\nb@x.test,"B\n${'c@x.test,C\n'.repeat(10_000)}`)
  assert.match(JSON.stringify(endless.at(-1)), /is longer than 65536 bytes/)
  // However much was read before it.
  const late = await read(
    `email,first_name\n${Array.from({ length: 5_000 }, (_, nth) => `user${nth}@x.test,A\n`).join('')}b@x.test,C"B\n`,
  )
  assert.deepEqual([late.length, late.at(-1)?.line], [5_001, 5_002])
})

test('text that is not UTF-8 is no row', async () => {
  assert.deepEqual(await rows(Buffer.from('email,first_name\na@x.test,Andr\xe9\nb@x.test,B\n', 'latin1')), [
    { fault: 'it is not UTF-8: save the file as that' },
    { email: 'b@x.test', first_name: 'B' },
  ])
  const json = Buffer.concat([
    Buffer.from('{"email":"a@x.test"}\n{"email":"b@x.test","first_name":"Andr'),
    Buffer.from([0xe9]),
    Buffer.from('"}\n'),
  ])
  assert.deepEqual(await rows(json), [{ email: 'a@x.test' }, { fault: 'it is no JSON object in UTF-8' }])
})

test('JSON objects, one a line', async () => {
  const found = await read(
    `\uFEFF{"email":"a@x.test","password_hash":"${DJANGO}","active":false,"pin":4711}\n\n[1]\n{"email":5}\n{"nothing":1}\n{"model":"auth.user","pk":1,"fields":{"username":"d@x.test","password":"${DJANGO}","is_active":true,"is_staff":true}}`,
  )
  assert.deepEqual(
    found.map((each) => [each.line, 'fault' in each ? each.fault : each.row]),
    [
      [1, { email: 'a@x.test', password_hash: DJANGO, pin: '4711', active: false }],
      [3, 'it is no JSON object in UTF-8'],
      [4, 'email is no text'],
      [5, 'it has no email (nor a username)'],
      [6, { email: 'd@x.test', password_hash: DJANGO, active: true }],
    ],
  )
})

test('a line without an end is passed over within bounds', async () => {
  const found = await read(`{"email":"a@x.test"}\n{"email":"${'x'.repeat(3_000_000)}"}\n{"email":"b@x.test"}\n`)
  assert.deepEqual(
    found.map((each) => ('fault' in each ? each.fault : each.row.email)),
    ['a@x.test', 'it is longer than 65536 bytes', 'b@x.test'],
  )
})

/** As Keycloak writes a user of a realm. */
function keycloakUser(algorithm: string, iterations: number, more: object = {}, secret: object = {}) {
  return JSON.stringify({
    id: 'b7a1d3e0-6f0e-4b0c-9a51-1f2e3d4c5b6a',
    username: 'anna',
    email: 'anna@acme.test',
    firstName: 'Anna',
    lastName: 'Ames',
    enabled: true,
    createdTimestamp: 1551675967891,
    credentials: [
      { type: 'otp', secretData: '{}', credentialData: '{}' },
      {
        type: 'password',
        secretData: JSON.stringify({ value: 'aGFzaA==', salt: 'c2FsdA==', ...secret }),
        credentialData: JSON.stringify({ hashIterations: iterations, algorithm, ...more }),
      },
    ],
  })
}

test('a Keycloak user, whose password becomes a string', async () => {
  const parameters = { memory: ['7168'], parallelism: ['1'], type: ['id'], version: ['1.3'], hashLength: ['32'] }
  for (const [text, hash] of [
    [keycloakUser('pbkdf2-sha512', 210_000), '$pbkdf2-sha512$i=210000$c2FsdA$aGFzaA'],
    [keycloakUser('pbkdf2-sha256', 27_500), '$pbkdf2-sha256$i=27500$c2FsdA$aGFzaA'],
    [keycloakUser('pbkdf2', 20_000), '$pbkdf2$i=20000$c2FsdA$aGFzaA'],
    [keycloakUser('argon2', 5, { additionalParameters: parameters }), '$argon2id$v=19$m=7168,t=5,p=1$c2FsdA$aGFzaA'],
  ] as const)
    assert.deepEqual(await rows(text), [
      {
        id: 'b7a1d3e0-6f0e-4b0c-9a51-1f2e3d4c5b6a',
        email: 'anna@acme.test',
        password_hash: hash,
        first_name: 'Anna',
        last_name: 'Ames',
        active: true,
        created_at: '2019-03-04T05:06:07.891Z',
      },
    ])
  for (const text of [
    keycloakUser('own-scheme', 1),
    keycloakUser('pbkdf2-sha512', 1, {}, { salt: null }),
    keycloakUser('argon2', 5, { additionalParameters: { ...parameters, version: ['1.0'] } }),
  ])
    assert.deepEqual(await rows(text), [{ fault: 'its Keycloak credential is of no form that is known' }])
  const [without] = await rows('{"email":"a@x.test","credentials":[]}')
  assert.deepEqual(without, { email: 'a@x.test' })
})

test('a file that is none of users is refused as a whole, with what to do', async () => {
  for (const [text, says, encoding = 'utf8'] of [
    ['', /must name the columns/],
    ['\uFEFFemail\na@x.test\n', /UTF-16.*Save it as UTF-8/, 'utf16le'],
    ['name,password\na,b\n', /must name the columns/],
    ['email,email\na@x.test,b@x.test\n', /"email" twice/],
    ['[\n  {"email":"a@x.test"}\n]\n', /jq -c '\.\[\]'/],
    ['{\n  "realm": "x",\n  "users": []\n}\n', /jq/],
    ['{"realm":"x","users":[{"email":"a@x.test"}]}\n', /jq -c '\.users\[\]'/],
  ] as const)
    await assert.rejects(
      read(Buffer.from(text, encoding)),
      (error) => error instanceof UnreadableFile && says.test(error.message),
      text,
    )
  await assert.rejects(readFile(join(folder, 'none')), { code: 'ENOENT' })
})

test('whoever stops reading leaves nothing open, and a long file is read as it is taken', async () => {
  const file = fileOf(`email\n${Array.from({ length: 200_000 }, (_, nth) => `user${nth}@x.test\n`).join('')}`)
  for await (const { line } of readUsers(file)) if (line === 10) break
  let last = 0
  for await (const { line } of readUsers(file)) last = line
  assert.equal(last, 200_001)
})

test('the digest is the SHA-256 of the file', async () => {
  const file = fileOf('email\na@x.test\n')
  assert.equal(await digestOf(file), createHash('sha256').update('email\na@x.test\n').digest('base64url'))
})
