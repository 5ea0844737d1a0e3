import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { call } from '../support/calls.ts'
import { ANNA, issue, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import { RawConnection, type RawReply } from '../support/raw.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const KB = 1024

/** Every address that takes a body, and the most that it takes. */
const LIMITS: Record<string, number> = {
  'authenticate/': 16 * KB,
  'impersonation-validation/': 16 * KB,
  'sign-out/': 256 * KB,
}
/** Where nothing is: what comes there is bounded too. */
const ELSEWHERE = { 'nothing/': 256 * KB }

function head(path: string, ...headers: string[]): string {
  const fixed = ['Host: license.example', 'X-LICENSE-MODULE: crm', 'Content-Type: application/json']
  return [`POST /api/v1/auth/${path} HTTP/1.1`, ...fixed, ...headers, '', ''].join('\r\n')
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

/** What would be refused as broken, or let in, by whoever read it. */
function bodies(bytes: number): Record<string, string> {
  const right = JSON.stringify({ username: ANNA, password: PASSWORD, x: '' })
  return {
    'broken JSON': '{'.repeat(bytes),
    'a right name and password': right.replace('"x":""', `"x":"${'a'.repeat(bytes - right.length)}"`),
    'nothing but blanks': ' '.repeat(bytes),
  }
}

for (const database of databases) {
  describe(`how much is taken, on ${database}`, () => {
    let server: TestServer
    let token: string
    before(async () => {
      server = await startServer(database, { house: SMALL_HOUSE })
      token = await issue(server, ANNA, 'crm')
    })
    after(() => server[Symbol.asyncDispose]())

    const refused = async (path: string, send: (connection: RawConnection) => void): Promise<RawReply> => {
      const stored = await allTables(server)
      using connection = await RawConnection.open(server)
      send(connection)
      const reply = await connection.reply()
      assert.equal(reply.status, 413, `${path}: ${reply.text}`)
      assert.deepEqual(Object.keys(reply.body as object), ['message'])
      assert.deepEqual(await allTables(server), stored)
      return reply
    }

    for (const [path, limit] of Object.entries(LIMITS)) {
      test(`I3: ${path} takes ${limit / KB} kB; one byte more is 413 before anybody reads it`, async () => {
        const live = `X-LICENSE-TOKEN: ${token}`
        for (const [what, body] of Object.entries(bodies(limit + 1))) {
          await refused(what, (to) => to.send(head(path, live, `Content-Length: ${body.length}`) + body))
          const parts = [body.slice(0, limit / 2), body.slice(limit / 2)].map(chunk).join('')
          await refused(`${what}, in chunks`, (to) =>
            to.send(`${head(path, live, 'Transfer-Encoding: chunked')}${parts}0\r\n\r\n`),
          )
          const small = body.match(/.{1,64}/g) ?? []
          await refused(`${what}, in small chunks`, (to) =>
            to.send(`${head(path, live, 'Transfer-Encoding: chunked')}${small.map(chunk).join('')}0\r\n\r\n`),
          )
        }
        // It was no sign-out.
        assert.equal((await call(server, 'GET get-permissions/', { token })).status, 200)
      })

      test(`I3: ${path} reads the last byte that it takes`, async () => {
        for (const [what, body] of Object.entries(bodies(limit))) {
          const { status } = await call(server, `POST ${path}`, { raw: body, token: await issue(server, ANNA, 'crm') })
          assert.notEqual(status, 413, what)
          assert.equal(status, expected(path, what), what)
        }
      })
    }

    test('I3: where nothing is, nothing is read either', async () => {
      for (const [path, limit] of Object.entries(ELSEWHERE)) {
        using connection = await RawConnection.open(server)
        const body = 'a'.repeat(limit + 1)
        connection.send(head(path, `Content-Length: ${body.length}`) + body)
        const { status } = await connection.reply()
        assert.ok(status === 404 || status === 413, String(status))
      }
    })

    test('I3: a length that is too large is believed as it stands, and not waited for', async () => {
      for (const length of [16 * KB + 1, 10 ** 9, Number.MAX_SAFE_INTEGER]) {
        using connection = await RawConnection.open(server)
        connection.send(`${head('authenticate/', `Content-Length: ${length}`)}{}`)
        const startedAt = performance.now()
        const { status } = await connection.reply()
        assert.equal(status, 413, String(length))
        assert.ok(performance.now() - startedAt < 5_000, 'it was waited for')
      }
    })

    test('I3: a length that is less than what comes ends the body there, and what follows is no request', async () => {
      const stored = await allTables(server)
      using connection = await RawConnection.open(server)
      const body = JSON.stringify({ username: ANNA, password: PASSWORD })
      connection.send(`${head('authenticate/', 'Content-Length: 10')}${body}${'a'.repeat(300 * KB)}`)
      assert.equal((await connection.reply()).status, 400)
      // Broken both ways: the one answer or the other, and no more.
      assert.match(await connection.rest(), /^($|HTTP\/1\.1 400 )/)
      assert.deepEqual(await allTables(server), stored)
    })

    test('I3: a length that is more than what comes is not waited for longer than the caller stays', async () => {
      const stored = await allTables(server)
      const body = JSON.stringify({ username: ANNA, password: PASSWORD })
      for (let times = 0; times < 20; times++) {
        using connection = await RawConnection.open(server)
        connection.send(`${head('authenticate/', `Content-Length: ${body.length + 1}`)}${body}`)
        assert.equal((await call(server, 'GET get-permissions/', { token })).status, 200)
      }
      assert.deepEqual(await allTables(server), stored)
    })

    test('I3: a body that was refused is read to its end, and the connection serves on', async () => {
      using connection = await RawConnection.open(server)
      connection.send(head('authenticate/', `Content-Length: ${1_000 * KB}`))
      assert.equal((await connection.reply()).status, 413)
      for (let sent = 0; sent < 1_000; sent++) connection.send('a'.repeat(KB))
      connection.send(head('sign-out/', 'Content-Length: 0'))
      assert.equal((await connection.reply()).status, 401)
    })

    test('I3: but not without end', async () => {
      using connection = await RawConnection.open(server)
      connection.send(head('authenticate/', `Content-Length: ${10 ** 12}`))
      assert.equal((await connection.reply()).status, 413)
      const part = 'a'.repeat(1024 * KB)
      for (let sent = 0; sent < 64 && !connection.isEnded; sent++) {
        connection.send(part)
        await sleep(20)
      }
      assert.equal(await connection.rest(), '')
    })

    test('I3: a length beside chunks, or another beside it, is refused', async () => {
      for (const headers of [
        ['Content-Length: 2', 'Transfer-Encoding: chunked'],
        ['Content-Length: 2', 'Content-Length: 20000'],
        ['Content-Length: -1'],
        ['Content-Length: 0x10'],
        ['Content-Length: 1e9'],
        ['Transfer-Encoding: gzip, chunked, identity'],
      ]) {
        using connection = await RawConnection.open(server)
        connection.send(`${head('authenticate/', ...headers)}{}`)
        assert.equal((await connection.reply()).status, 400, headers.join())
      }
    })

    test('I3: a chunk that says it is huge is refused as it comes', async () => {
      using connection = await RawConnection.open(server)
      connection.send(`${head('authenticate/', 'Transfer-Encoding: chunked')}3b9aca00\r\n`)
      for (let sent = 0; sent < 40; sent++) connection.send('a'.repeat(KB))
      const startedAt = performance.now()
      assert.equal((await connection.reply()).status, 413)
      assert.ok(performance.now() - startedAt < 5_000, 'it was waited for')
    })

    test('I2: a body in crumbs is ended, wherever it is sent; one in small chunks is read', async () => {
      const stored = await allTables(server)
      for (const path of ['authenticate/', 'sign-out/', 'nothing/']) {
        using connection = await RawConnection.open(server)
        connection.send(head(path, 'Transfer-Encoding: chunked') + '1\r\na\r\n'.repeat(250 * KB))
        // Unread by whoever sends: the answer may be lost, the end is not.
        assert.match(await connection.rest(), /^($|HTTP\/1\.1 4\d\d )/, path)
      }
      assert.deepEqual(await allTables(server), stored)
      const body = JSON.stringify({ username: ANNA, password: PASSWORD })
      for (const size of [1, 7, 64]) {
        using connection = await RawConnection.open(server)
        const chunks = body.match(new RegExp(`.{1,${size}}`, 'g')) ?? []
        connection.send(`${head('authenticate/', 'Transfer-Encoding: chunked')}${chunks.map(chunk).join('')}0\r\n\r\n`)
        assert.equal((await connection.reply()).status, 200, `${size}`)
      }
    })

    test('I3: what is packed is not unpacked', async () => {
      const raw = new Uint8Array(
        gzipSync(JSON.stringify({ username: ANNA, password: PASSWORD, x: ' '.repeat(10_000_000) })),
      )
      assert.ok(raw.length < 16 * KB)
      const { status } = await call(server, 'POST authenticate/', { raw, headers: { 'content-encoding': 'gzip' } })
      assert.equal(status, 400)
    })

    test('I3: headers and address together take 16 kB, and no more', async () => {
      const ask = async (bytes: number) => {
        using connection = await RawConnection.open(server)
        connection.send(head('sign-out/', `X-A: ${'a'.repeat(bytes)}`, 'Content-Length: 0'))
        return (await connection.reply()).status
      }
      assert.equal(await ask(15 * KB), 401)
      assert.equal(await ask(16 * KB), 431)
      using connection = await RawConnection.open(server)
      connection.send(head('sign-out/', ...Array.from({ length: 5_000 }, (_, at) => `X-${at}: a`)))
      assert.equal((await connection.reply()).status, 431)
    })
  })
}

function expected(path: string, what: string): number {
  if (what === 'broken JSON') return 400
  if (path === 'authenticate/') return what === 'nothing but blanks' ? 400 : 200
  if (path === 'impersonation-validation/') return what === 'nothing but blanks' ? 400 : 401
  return what === 'nothing but blanks' ? 400 : 200
}
