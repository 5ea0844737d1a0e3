import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { CATALOGUE, type ErrorCode } from '../../src/errors.ts'
import { type Call, call, RICH } from '../support/calls.ts'
import { ACME, ANNA, issue, PASSWORD, SMALL_HOUSE } from '../support/house.ts'
import { RawConnection, type RawReply, sendRaw } from '../support/raw.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'
import { allTables } from '../support/tables.ts'

const SIGN_IN = 'POST authenticate/'
const ONE_COMPANY = `get-company-permissions/${ACME}/`

type Wrong = Call & { why: string; line: string; code: ErrorCode; allow?: string; token?: string }

/** Wrong requests that are HTTP. Where no token is named, a live one of Anna's is sent. */
const WRONG: Wrong[] = [
  ...['POST nothing/', 'GET /', 'GET /api/v1/', 'GET /api/v1/auth', 'GET /favicon.ico', 'DELETE users/'].map(
    (line) => ({
      why: 'no such address',
      line,
      code: 'not_found' as const,
    }),
  ),
  { why: 'no company', line: 'GET get-company-permissions/', code: 'not_found' },
  { why: 'more than a company', line: `GET ${ONE_COMPANY}more/`, code: 'not_found' },
  { why: 'a double slash', line: 'GET //api/v1/auth/get-permissions/', code: 'not_found' },
  { why: 'another case', line: 'GET GET-PERMISSIONS/', code: 'not_found' },

  ...['GET', 'PUT', 'PATCH', 'DELETE'].map((method) => wrongMethod(`${method} authenticate/`, 'POST')),
  ...['POST', 'PUT', 'DELETE'].map((method) => wrongMethod(`${method} get-permissions/`, 'GET, HEAD')),
  ...['POST', 'PUT'].map((method) => wrongMethod(`${method} users/profile/`, 'GET, HEAD')),
  ...['POST', 'DELETE'].map((method) => wrongMethod(`${method} ${ONE_COMPANY}`, 'GET, HEAD')),
  ...['POST', 'DELETE'].map((method) => wrongMethod(`${method} users/permissions/`, 'GET, HEAD')),
  { why: 'a call of the flat dialects', line: 'GET users/permissions/', code: 'not_found' },
  wrongMethod('GET impersonation-validation/', 'POST'),
  wrongMethod('GET sign-out/', 'POST'),
  wrongMethod('OPTIONS authenticate/', 'POST'),
  wrongMethod('POST /livez', 'GET, HEAD'),
  wrongMethod('GET authenticate?x=1', 'POST'),

  ...[
    '{',
    '{"username":',
    'null}',
    "{'a':1}",
    'username=a&password=b',
    '{"a":1}{',
    '\u0000',
    '<html>',
    '[',
    '\ufeff[',
  ].map((raw) => ({
    why: `broken JSON ${JSON.stringify(raw)}`,
    line: SIGN_IN,
    raw,
    code: 'malformed_request' as const,
  })),
  { why: 'JSON with __proto__', line: SIGN_IN, raw: '{"__proto__":{"a":1}}', code: 'malformed_request' },
  { why: 'JSON with constructor', line: SIGN_IN, raw: '{"constructor":{"prototype":{}}}', code: 'malformed_request' },
  {
    why: 'JSON that is very deep',
    line: SIGN_IN,
    raw: '['.repeat(8_000) + ']'.repeat(8_000),
    code: 'invalid_input',
  },
  {
    why: 'JSON that is no UTF-8',
    line: SIGN_IN,
    raw: new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]),
    code: 'malformed_request',
  },
  { why: 'no body', line: SIGN_IN, raw: '', code: 'invalid_input' },

  ...[null, 1, true, 'text', [], [{ username: ANNA, password: PASSWORD }], {}].map((body) => ({
    why: `the body is ${JSON.stringify(body)}`,
    line: SIGN_IN,
    body,
    code: 'invalid_input' as const,
  })),
  ...[null, 0, 1.5, true, [], ['a'], {}, { $ne: 1 }, 'lone \ud800', '\udc00'].flatMap((odd) => [
    wrongField({ username: odd, password: PASSWORD }),
    wrongField({ username: ANNA, password: odd }),
    wrongField({ username: odd, password: odd }),
  ]),
  wrongField({ username: 'nul\0', password: PASSWORD }),
  { why: 'a password with a NUL', line: SIGN_IN, body: { username: ANNA, password: 'nul\0' }, code: 'bad_credentials' },
  wrongField({ username: ANNA }),
  wrongField({ password: PASSWORD }),
  wrongField({ user: ANNA, pass: PASSWORD }),
  { why: 'an empty name', line: SIGN_IN, body: { username: '', password: PASSWORD }, code: 'bad_credentials' },
  {
    why: 'a very long name',
    line: SIGN_IN,
    body: { username: 'x'.repeat(8_000), password: PASSWORD },
    code: 'bad_credentials',
  },
  {
    why: 'a very long password',
    line: SIGN_IN,
    body: { username: ANNA, password: 'x'.repeat(8_000) },
    code: 'bad_credentials',
  },
  { why: 'an empty password', line: SIGN_IN, body: { username: ANNA, password: '' }, code: 'bad_credentials' },

  ...[
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'x',
  ].map((type) => ({
    why: `Content-Type: ${type}`,
    line: SIGN_IN,
    raw: `{"username":"${ANNA}","password":"${PASSWORD}"}`,
    headers: { 'content-type': type },
    code: 'unsupported_media_type' as const,
  })),
  { why: 'a sign-in of more than 16 kB', line: SIGN_IN, raw: jsonOf(16 * 1024 + 1), code: 'body_too_large' },
  { why: 'a sign-in of 1 MB', line: SIGN_IN, raw: jsonOf(1024 * 1024), code: 'body_too_large' },
  {
    why: 'an impersonation of more than 16 kB',
    line: 'POST impersonation-validation/',
    raw: jsonOf(16 * 1024 + 1),
    code: 'body_too_large',
  },
  {
    why: 'another body of more than 256 kB',
    line: 'POST sign-out/',
    raw: jsonOf(256 * 1024 + 1),
    code: 'body_too_large',
  },

  ...[
    'GET get-company-permissions/%zz/',
    'GET get-company-permissions/%/',
    'GET /%e0%a4%a',
    'GET /api/v1/auth/%c0%ae/',
  ].map((line) => ({ why: 'broken percent-encoding', line, code: 'malformed_request' as const })),
  { why: 'an address that is no company', line: 'GET get-company-permissions/%00/', code: 'company_not_accessible' },
  {
    why: 'a very long address',
    line: `GET get-company-permissions/${'a'.repeat(10_000)}/`,
    code: 'company_not_accessible',
  },

  ...['GET get-permissions/', 'GET users/profile/', `GET ${ONE_COMPANY}`, 'POST sign-out/'].flatMap((line): Wrong[] => [
    { why: 'no application', line, module: null, code: 'unknown_application' },
    { why: 'an empty application', line, module: '', code: 'unknown_application' },
    { why: 'an unknown application', line, module: 'cms', code: 'unknown_application' },
    { why: 'an application in another case', line, module: 'CRM', code: 'unknown_application' },
    { why: 'an application that is switched off', line, module: 'attic', code: 'unknown_application' },
    { why: 'an application that can be none', line, module: "crm' or 1=1 --", code: 'unknown_application' },
    { why: 'an application with no secret sent', line, module: 'vault', code: 'application_secret_required' },
    { why: 'no token', line, token: '', code: 'invalid_token' },
    { why: 'a token that is none', line, token: 'clt_x', code: 'invalid_token' },
    { why: 'a token of a megabyte, almost', line, token: 'a'.repeat(10_000), code: 'invalid_token' },
  ]),
  { why: 'an unknown application', line: SIGN_IN, module: 'cms', body: {}, code: 'unknown_application' },
  { why: 'no application', line: SIGN_IN, module: null, body: { username: 1 }, code: 'unknown_application' },
  { why: 'a wrong password', line: SIGN_IN, body: { username: ANNA, password: 'wrong' }, code: 'bad_credentials' },
  ...[
    undefined,
    null,
    1,
    [],
    {},
    '',
    'x',
    '\0',
    '\ud800',
    '6f1c1a52-0000-4000-8000-000000000000',
    'a'.repeat(9_000),
  ].map((token) => ({
    why: `the one-time token is ${JSON.stringify(token)?.slice(0, 50)}`,
    line: 'POST impersonation-validation/',
    body: { token },
    code: 'invalid_impersonation' as const,
  })),
  { why: 'no body', line: 'POST impersonation-validation/', code: 'invalid_impersonation' },
]

function wrongMethod(line: string, allow: string): Wrong {
  return { why: 'not with this method', line, allow, code: 'method_not_allowed' }
}

function wrongField(body: Record<string, unknown>): Wrong {
  return { why: `the body is ${JSON.stringify(body).slice(0, 80)}`, line: SIGN_IN, body, code: 'invalid_input' }
}

/** JSON of exactly so many bytes. */
function jsonOf(bytes: number): string {
  return `{"x":"${'a'.repeat(bytes - 8)}"}`
}

type WrongBytes = { why: string; text: string; status: number; code?: ErrorCode }

const HOST = 'Host: license.example'
const CRM = 'X-LICENSE-MODULE: crm'
const JSON_TYPE = 'Content-Type: application/json'

/** Wrong requests that a library would not send. With a code where the request is readable enough to be answered in our own form. */
function wrongBytes(token: string): WrongBytes[] {
  const ask = (...headers: string[]) => request('GET /api/v1/auth/get-permissions/', HOST, ...headers)
  const signIn = (...headers: string[]) => request('POST /api/v1/auth/authenticate/', HOST, CRM, JSON_TYPE, ...headers)
  const live = `X-LICENSE-TOKEN: ${token}`
  return [
    { why: 'no HTTP at all', text: 'hello\r\n\r\n', status: 400 },
    { why: 'a TLS greeting', text: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', status: 400 },
    { why: 'HTTP/2 from the start', text: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', status: 400 },
    { why: 'an unknown version', text: `GET / HTTP/3.7\r\n${HOST}\r\n\r\n`, status: 400 },
    { why: 'an unknown method', text: `BREW / HTTP/1.1\r\n${HOST}\r\n\r\n`, status: 400 },
    { why: 'a header without a colon', text: ask('nonsense'), status: 400 },
    { why: 'a NUL in a header', text: ask('X-A: a\0b'), status: 400 },
    { why: 'a length and chunks', text: signIn('Content-Length: 3', 'Transfer-Encoding: chunked'), status: 400 },
    { why: 'a length that is none', text: signIn('Content-Length: abc'), status: 400 },
    { why: 'two lengths', text: signIn('Content-Length: 3', 'Content-Length: 4'), status: 400 },
    { why: 'chunks that are none', text: `${signIn('Transfer-Encoding: chunked')}zz\r\nabc`, status: 400 },
    {
      why: 'a chunk of another length',
      text: `${signIn('Transfer-Encoding: chunked')}2\r\nabcdef\r\n0\r\n\r\n`,
      status: 400,
    },
    { why: 'headers of 20 kB', text: ask(CRM, live, `X-A: ${'a'.repeat(20_000)}`), status: 431 },
    { why: 'an address of 20 kB', text: request(`GET /${'a'.repeat(20_000)}`, HOST, CRM), status: 431 },
    { why: 'a token of 20 kB', text: ask(CRM, `X-LICENSE-TOKEN: ${'a'.repeat(20_000)}`), status: 431 },
    {
      why: 'no host',
      text: request('GET /api/v1/auth/get-permissions/', CRM, live),
      status: 400,
      code: 'malformed_request',
    },
    {
      why: 'an expectation that nobody knows',
      text: ask(CRM, live, 'Expect: 200-maybe'),
      status: 417,
      code: 'expectation_failed',
    },
    { why: 'two applications', text: ask(CRM, CRM, live), status: 400, code: 'malformed_request' },
    {
      why: 'two other applications',
      text: ask(CRM, 'x-license-module: shop', live),
      status: 400,
      code: 'malformed_request',
    },
    { why: 'two tokens', text: ask(CRM, live, live), status: 400, code: 'malformed_request' },
    {
      why: 'a second token that is empty',
      text: ask(CRM, live, 'X-LICENSE-TOKEN:'),
      status: 400,
      code: 'malformed_request',
    },
    {
      why: 'two secrets',
      text: ask('X-LICENSE-MODULE: vault', 'X-LICENSE-SECRET: a', 'X-LICENSE-SECRET: b'),
      status: 400,
      code: 'malformed_request',
    },
    {
      why: 'an application in bytes that are no ASCII',
      text: ask('X-LICENSE-MODULE: cr\u00fcm', live),
      status: 401,
      code: 'unknown_application',
    },
    {
      why: 'a percent sign that stands alone',
      text: request('GET /api/v1/auth/get-company-permissions/%/', HOST, CRM, live),
      status: 400,
      code: 'malformed_request',
    },
    {
      why: 'an absolute address of elsewhere',
      text: request('GET http://elsewhere.example/secret', HOST, CRM),
      status: 404,
      code: 'not_found',
    },
  ]
}

function request(line: string, ...headers: string[]): string {
  return [`${line} HTTP/1.1`, ...headers, '', ''].join('\r\n')
}

/** All that is stored but what is noted of refusals: a job stores that some seconds after. */
async function withoutNotes(server: TestServer): Promise<object> {
  return { ...(await allTables(server)), refusals: [] }
}

for (const database of databases) {
  describe(`what is wrong is answered so that every client can read it, on ${database}`, () => {
    let server: TestServer
    let token: string
    before(async () => {
      server = await startServer(database, { house: SMALL_HOUSE })
      token = await issue(server, ANNA, 'crm')
    })
    after(() => server[Symbol.asyncDispose]())

    test('the table, to old clients as {"message"}, to ours as a problem; nothing is stored', async () => {
      // Notes of refusals are stored every five seconds.
      const stored = await withoutNotes(server)
      for (const { why, line, code, allow, ...wish } of WRONG) {
        for (const rich of [false, true]) {
          const told = `${line.slice(0, 60)}: ${why}${rich ? ', our client' : ''}`
          const reply = await call(server, line, { token, ...wish, rich })
          await server.lift()
          assert.equal(reply.status, CATALOGUE[code].status, `${told}: ${reply.text}`)
          assert.equal(reply.headers.get('cache-control'), 'no-store', told)
          const requestId = reply.headers.get('x-request-id')
          assert.ok(requestId, told)
          assert.equal(reply.headers.get('allow') ?? undefined, allow, told)
          if (!rich) {
            assert.deepEqual(Object.keys(reply.body), ['message'], told)
            assertSentence(reply.body.message, told)
            assert.match(reply.headers.get('content-type') ?? '', /^application\/json/, told)
            continue
          }
          assert.match(reply.headers.get('content-type') ?? '', /^application\/problem\+json/, told)
          const { detail, errors, ...problem } = reply.body
          assertSentence(detail, told)
          assert.deepEqual(problem, {
            type: 'about:blank',
            title: CATALOGUE[code].title,
            status: reply.status,
            code,
            request_id: requestId,
          })
          for (const fault of errors ?? []) assert.deepEqual(Object.keys(fault), ['path', 'message'], told)
        }
      }
      assert.deepEqual(await withoutNotes(server), stored)
      // The token that went with all of it is as alive as before.
      assert.equal((await call(server, 'GET get-permissions/', { token })).status, 200)
    })

    test('every field that is wrong is named by its path, to our client', async () => {
      const { body } = await call(server, SIGN_IN, { rich: true, body: { username: 7, password: null } })
      assert.deepEqual(body.errors, [
        { path: '/username', message: 'username must be a text' },
        { path: '/password', message: 'password must be a text' },
      ])
    })

    test('a refusal repeats nothing of what was sent', async () => {
      const secret = 'hunter2-canary'
      const sent: [string, Call][] = [
        [SIGN_IN, { body: { username: secret, password: secret } }],
        [SIGN_IN, { body: { username: [secret], password: [secret] } }],
        [SIGN_IN, { raw: `{"password":"${secret}"` }],
        [SIGN_IN, { headers: { 'content-type': secret }, raw: secret }],
        ['GET get-permissions/', { token: `clt_${secret}` }],
        ['GET get-permissions/', { module: secret }],
        ['GET get-permissions/', { module: 'vault', headers: { 'x-license-secret': secret } }],
        ['POST impersonation-validation/', { body: { token: secret } }],
        [`GET get-company-permissions/${secret}/`, { token }],
        [`GET /${secret}`, {}],
      ]
      for (const [line, wish] of sent) {
        for (const rich of [false, true]) {
          const { text } = await call(server, line, { ...wish, rich })
          assert.ok(!text.includes(secret), `${line}: ${text}`)
        }
      }
    })

    test('bytes that are no good HTTP are answered alike', async () => {
      const stored = await withoutNotes(server)
      for (const { why, text, status, code } of wrongBytes(token)) {
        const plain = await sendRaw(server, text)
        assert.equal(plain.status, status, `${why}: ${plain.text}`)
        assertPlain(plain, why)
        if (code === undefined) continue
        const rich = await sendRaw(
          server,
          text.replace('\r\n', `\r\nX-LICENSE-CLIENT: ${RICH['x-license-client']}\r\n`),
        )
        assert.equal(rich.status, status, why)
        assert.match(rich.headers['content-type'] ?? '', /^application\/problem\+json/, why)
        assert.equal((rich.body as { code: string }).code, code, why)
        assert.equal((rich.body as { request_id: string }).request_id, rich.headers['x-request-id'], why)
      }
      assert.deepEqual(await withoutNotes(server), stored)
    })

    test('bodies of just the size allowed are read', async () => {
      const wide = (bytes: number, fields: object) => {
        const text = JSON.stringify({ ...fields, x: '' })
        return text.replace('"x":""', `"x":"${'a'.repeat(bytes - Buffer.byteLength(text))}"`)
      }
      const raw = wide(16 * 1024, { username: ANNA, password: PASSWORD })
      assert.equal(Buffer.byteLength(raw), 16 * 1024)
      assert.equal((await call(server, SIGN_IN, { raw })).status, 200)
      assert.equal(
        (await call(server, SIGN_IN, { raw: wide(16 * 1024 + 1, { username: ANNA, password: PASSWORD }) })).status,
        413,
      )
      const [kept, ended] = [await issue(server, ANNA, 'crm'), await issue(server, ANNA, 'crm')]
      assert.equal((await call(server, 'POST sign-out/', { token: kept, raw: wide(256 * 1024 + 1, {}) })).status, 413)
      assert.equal((await call(server, 'GET get-permissions/', { token: kept })).status, 200)
      assert.equal((await call(server, 'POST sign-out/', { token: ended, raw: wide(256 * 1024, {}) })).status, 200)
    })

    test('a body too large, in chunks, is refused as it comes', async () => {
      using connection = await RawConnection.open(server)
      connection.send(request('POST /api/v1/auth/authenticate/', HOST, CRM, JSON_TYPE, 'Transfer-Encoding: chunked'))
      for (let sent = 0; sent < 20; sent++) connection.send(`400\r\n${'a'.repeat(1024)}\r\n`)
      connection.send('0\r\n\r\n')
      const reply = await connection.reply()
      assert.equal(reply.status, 413)
      assertPlain(reply, 'chunks')
    })

    test('headers of just the size allowed are read', async () => {
      const fill = `X-A: ${'a'.repeat(15_000)}`
      const reply = await sendRaw(
        server,
        request('GET /api/v1/auth/get-permissions/', HOST, CRM, `X-LICENSE-TOKEN: ${token}`, fill),
      )
      assert.equal(reply.status, 200)
    })

    test('a client that expects to be told to go on is told', async () => {
      using connection = await RawConnection.open(server)
      const body = JSON.stringify({ username: ANNA, password: PASSWORD })
      const head = ['Expect: 100-continue', `Content-Length: ${body.length}`]
      connection.send(request('POST /api/v1/auth/authenticate/', HOST, CRM, JSON_TYPE, ...head))
      assert.equal((await connection.reply()).status, 100)
      connection.send(body)
      assert.equal((await connection.reply()).status, 200)
    })

    test('what was refused leaves the connection fit for the next request', async () => {
      using connection = await RawConnection.open(server)
      const ask = request('GET /api/v1/auth/get-permissions/', HOST, CRM, `X-LICENSE-TOKEN: ${token}`)
      const large = jsonOf(20_000)
      connection.send(
        request('POST /api/v1/auth/authenticate/', HOST, CRM, JSON_TYPE, `Content-Length: ${large.length}`) + large,
      )
      assert.equal((await connection.reply()).status, 413)
      connection.send(ask)
      assert.equal((await connection.reply()).status, 200)
      connection.send(request('GET /nothing', HOST))
      assert.equal((await connection.reply()).status, 404)
      connection.send(request('GET /api/v1/auth/get-permissions/', HOST, CRM, 'Expect: 200-maybe'))
      assert.equal((await connection.reply()).status, 417)
      connection.send(ask)
      assert.equal((await connection.reply()).status, 200)
    })

    test('a client that goes away in the middle is no harm', async () => {
      const stored = await withoutNotes(server)
      const parts = [
        'POST /api/v1/auth/auth',
        request('POST /api/v1/auth/authenticate/', HOST, CRM, JSON_TYPE, 'Content-Length: 100'),
        `${request('POST /api/v1/auth/authenticate/', HOST, CRM, JSON_TYPE, 'Content-Length: 100')}{"user`,
        `${request('POST /api/v1/auth/authenticate/', HOST, CRM, JSON_TYPE, 'Content-Length: 50000')}{"user`,
        `${request('POST /api/v1/auth/authenticate/', HOST, CRM, JSON_TYPE, 'Transfer-Encoding: chunked')}5\r\n{"use`,
        request('GET /api/v1/auth/get-permissions/', HOST, CRM),
      ]
      for (const part of [...parts, ...parts]) {
        const connection = await RawConnection.open(server)
        connection.send(part)
        connection.destroy()
      }
      assert.equal((await call(server, 'GET get-permissions/', { token })).status, 200)
      assert.deepEqual(await withoutNotes(server), stored)
    })
  })

  describe(`while the server closes, on ${database}`, () => {
    test('a request under way is finished, a new one on an open connection hears 503', async () => {
      const server = await startServer(database, { house: SMALL_HOUSE })
      const token = await issue(server, ANNA, 'crm')
      const body = JSON.stringify({ username: ANNA, password: PASSWORD })
      const ask = (...more: string[]) =>
        request('GET /api/v1/auth/get-permissions/', HOST, CRM, `X-LICENSE-TOKEN: ${token}`, ...more)
      const length = `Content-Length: ${body.length}`
      using underWay = await RawConnection.open(server)
      using plain = await RawConnection.open(server)
      using rich = await RawConnection.open(server)
      // Told to go on: the server has the request, and waits for its body.
      underWay.send(request('POST /api/v1/auth/authenticate/', HOST, CRM, JSON_TYPE, 'Expect: 100-continue', length))
      assert.equal((await underWay.reply()).status, 100)
      // Answered once, and in the middle of the next request: these stay open, too.
      const [asPlain, asRich] = [ask(), ask(`X-LICENSE-CLIENT: ${RICH['x-license-client']}`)]
      plain.send(asPlain + asPlain.slice(0, 60))
      rich.send(asRich + asRich.slice(0, 60))
      for (const connection of [plain, rich]) assert.equal((await connection.reply()).status, 200)

      const closed = server[Symbol.asyncDispose]()
      plain.send(asPlain.slice(60))
      rich.send(asRich.slice(60))
      underWay.send(body)
      const last = await underWay.reply()
      assert.equal(last.status, 200)
      assert.ok((last.body as { token: string }).token)
      // Nobody is kept waiting for a connection that serves no more.
      assert.equal(last.headers.connection, 'close')

      const refused = await plain.reply()
      assert.equal(refused.status, 503)
      assertPlain(refused, 'closing')
      assert.equal(refused.headers['retry-after'], '1')
      assert.equal(refused.headers.connection, 'close')

      const problem = await rich.reply()
      assert.equal(problem.status, 503)
      const { code, retry_after } = problem.body as { code: string; retry_after: number }
      assert.deepEqual({ code, retry_after }, { code: 'shutting_down', retry_after: 1 })
      await closed
    })
  })
}

function assertPlain(reply: RawReply, why: string): void {
  assert.match(reply.headers['content-type'] ?? '', /^application\/json/, why)
  assert.equal(reply.headers['cache-control'], 'no-store', why)
  assert.ok(reply.headers['x-request-id'], `${why}: no request id`)
  assert.deepEqual(Object.keys(reply.body as object), ['message'], why)
  assertSentence((reply.body as { message: unknown }).message, why)
}

/** It is shown to people in the browser. */
function assertSentence(text: unknown, why: string): void {
  assert.match(String(text), /^[A-Z].{8,}\.$/, why)
}
