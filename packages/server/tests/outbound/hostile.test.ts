import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import { setDefaultCACertificates, TLSSocket } from 'node:tls'
import { callOutside, type OutsideOptions } from '../../src/outbound/call.ts'
import { answer, drip, pem, pour, startReceiver } from './receivers.ts'

// Long enough for a busy machine; the rows that only a deadline ends have one of their own.
const OPTIONS = {
  timeoutMs: 60_000,
  connectMs: 60_000,
  maxBytes: 1_000,
  allowedNetworks: ['127.0.0.1'],
  resolve: async () => ['127.0.0.1'],
} satisfies OutsideOptions
const SOON = { timeoutMs: 1_000 }
const OK = 'HTTP/1.1 200 OK\r\n'
const KEY = pem('receiver.key')

setDefaultCACertificates([pem('ca.pem')])

type Row = { behave: Parameters<typeof startReceiver>[0]; expected: string; endsBy?: { timeoutMs: number } }

const HOSTILE: Record<string, Row> = {
  'answers nothing': { behave: () => undefined, expected: 'failed timeout', endsBy: SOON },
  'closes at once': { behave: (socket) => void socket.destroy(), expected: 'failed closed' },
  'closes after the request': { behave: answer('', (socket) => socket.destroy()), expected: 'failed closed' },
  'resets the connection': {
    behave: answer('', (socket) => (socket instanceof TLSSocket ? socket.destroy() : socket.resetAndDestroy())),
    expected: 'failed closed',
  },
  'closes within the head': { behave: answer('HTTP/1.1 200 OK\r\nA: ', (socket) => socket.end()), expected: 'failed' },
  'speaks no HTTP': { behave: answer('220 mail.test ESMTP\r\n'), expected: 'failed not_http' },
  'pours no HTTP': { behave: answer('', pour('x'.repeat(9_999))), expected: 'failed not_http' },
  'a header without end': { behave: answer(`${OK}A: `, pour('x'.repeat(9_999))), expected: 'failed not_http' },
  'headers without end': { behave: answer(OK, pour('A: x\r\n'.repeat(999))), expected: 'failed not_http' },
  'a header by the byte': { behave: answer(`${OK}A: `, drip('x', 50)), expected: 'failed timeout', endsBy: SOON },
  'interim answers without end': {
    behave: answer('', pour('HTTP/1.1 100 Continue\r\n\r\n'.repeat(99))),
    expected: 'failed not_http',
  },
  'another protocol': {
    behave: answer(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
      pour('x'.repeat(9_999)),
    ),
    expected: 'failed closed',
  },
  'two lengths': {
    behave: answer(`${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx`),
    expected: 'failed not_http',
  },
  'a body without end': { behave: answer(`${OK}\r\n`, pour('x'.repeat(9_999))), expected: 'answered 200 1000 cut' },
  'chunks without end': {
    behave: answer(`${OK}Transfer-Encoding: chunked\r\n\r\n`, pour('1\r\nx\r\n'.repeat(999))),
    expected: 'answered 200 1000 cut',
  },
  'a gigabyte': {
    behave: answer(`${OK}Content-Length: 1000000000\r\n\r\n`, pour('x'.repeat(99_999))),
    expected: 'answered 200 1000 cut',
  },
  'a body by the byte': { behave: answer(`${OK}\r\n`, drip('x', 50)), expected: 'answered 200 cut', endsBy: SOON },
  'a body that breaks off': {
    behave: answer(`${OK}Content-Length: 9\r\n\r\nabc`, (socket) => socket.destroy()),
    expected: 'answered 200 3 cut',
  },
  'a body that is not as it should be': {
    behave: answer(`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz`),
    expected: 'answered 200 3 cut',
  },
  'a connection that it keeps': {
    behave: answer(`${OK}Connection: keep-alive\r\nContent-Length: 3\r\n\r\nabc`),
    expected: 'answered 200 3 whole',
  },
  'an answer that may go on': {
    behave: answer(`HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n`),
    expected: 'answered 500 0 whole',
  },
  'a body of just the size': {
    behave: answer(`${OK}Content-Length: 1000\r\n\r\n${'x'.repeat(1_000)}`),
    expected: 'answered 200 1000 whole',
  },
  'a body one byte too long': {
    behave: answer(`${OK}Content-Length: 1001\r\n\r\n${'x'.repeat(1_001)}`),
    expected: 'answered 200 1000 cut',
  },
}

for (const secure of [false, true]) {
  test(`whatever a receiver does ${secure ? 'over TLS' : 'in plain'}, a call ends in time, bounded, and leaves no connection`, async () => {
    for (const [name, { behave, expected, endsBy }] of Object.entries(HOSTILE)) {
      const tls = { cert: pem('receiver.pem'), key: KEY }
      await using receiver = await startReceiver(behave, secure ? { tls } : {})
      const url = `${secure ? 'https' : 'http'}://receiver.test:${receiver.port}/events`
      const call = { url, method: 'POST', body: '{"a":1}', headers: { 'webhook-id': 'x' } } as const
      const outcome = await callOutside(call, { ...OPTIONS, ...endsBy })
      const told =
        outcome.kind === 'answered'
          ? `answered ${outcome.status} ${outcome.body.length} ${outcome.isCut ? 'cut' : 'whole'}`
          : `${outcome.kind} ${outcome.kind === 'failed' ? outcome.reason : ''}`
      // How many bytes come by the byte until the deadline is not ours to say.
      const isTold =
        told === expected || told.replace(/ \d+ cut/, ' cut') === expected || told.startsWith(`${expected} `)
      assert.ok(isTold, `${name}: ${told}`)
      await gone(receiver.open)
      assert.equal(receiver.connections, 1, name)
    }
  })
}

test('a receiver that takes no connection, or is not there, costs the time to connect and no more', async () => {
  const closed = await startReceiver()
  await closed[Symbol.asyncDispose]()
  const outcome = await callOutside({ url: `http://receiver.test:${closed.port}/`, method: 'GET' }, OPTIONS)
  assert.ok(outcome.kind === 'failed' && outcome.reason === 'unreachable' && outcome.code === 'ECONNREFUSED')
  // TLS with somebody who listens and says nothing is no connection yet.
  await using silent = await startReceiver(() => undefined)
  const late = await callOutside(
    { url: `https://receiver.test:${silent.port}/`, method: 'GET' },
    { ...OPTIONS, connectMs: 300 },
  )
  assert.ok(late.kind === 'failed' && late.reason === 'timeout')
  await gone(silent.open)
})

test('a name that nobody answers for ends in time, and one that is not there is told apart', async () => {
  const call = { url: 'https://receiver.test/', method: 'GET' } as const
  const hangs = (_host: string, signal: AbortSignal) =>
    new Promise<string[]>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const reasons = []
  for (const resolve of [hangs, async () => [], async () => Promise.reject(new Error('SERVFAIL'))]) {
    const outcome = await callOutside(call, { ...OPTIONS, ...SOON, resolve })
    reasons.push(outcome.kind === 'failed' && outcome.reason)
  }
  assert.deepEqual(reasons, ['timeout', 'no_address', 'dns'])
})

const TLS: Record<string, { cert: string; host?: string; ca?: string[]; expected: string }> = {
  good: { cert: 'receiver.pem', expected: 'answered' },
  'good by its address': { cert: 'receiver.pem', host: '127.0.0.1', expected: 'answered' },
  'good, with a full stop after the name': { cert: 'receiver.pem', host: 'receiver.test.', expected: 'answered' },
  "another name's": { cert: 'receiver.pem', host: 'other.test', expected: 'tls ERR_TLS_CERT_ALTNAME_INVALID' },
  expired: { cert: 'expired.pem', expected: 'tls CERT_HAS_EXPIRED' },
  'its own': { cert: 'self-signed.pem', expected: 'tls DEPTH_ZERO_SELF_SIGNED_CERT' },
}

test('a certificate that does not hold is no connection, whatever the environment says', async (t) => {
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  t.after(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
  })
  for (const [name, { cert, host = 'receiver.test', expected }] of Object.entries(TLS)) {
    for (const loose of ['1', '0']) {
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = loose
      await using receiver = await startReceiver(undefined, { tls: { cert: pem(cert), key: KEY } })
      const url = `https://${host}:${receiver.port}/`
      const outcome = await callOutside({ url, method: 'POST', body: 'secret' }, OPTIONS)
      const told = outcome.kind === 'failed' ? `${outcome.reason} ${outcome.code}` : outcome.kind
      assert.equal(told, expected, name)
      assert.equal(receiver.received.includes('secret'), expected === 'answered', name)
    }
  }
})

test('a server of an old TLS is refused, and one that speaks plainly', async () => {
  const tls = { cert: pem('receiver.pem'), key: KEY, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const
  await using old = await startReceiver(undefined, { tls: { ...tls, ciphers: 'DEFAULT@SECLEVEL=0' } })
  await using plain = await startReceiver((socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\n'))
  for (const receiver of [old, plain]) {
    const outcome = await callOutside({ url: `https://receiver.test:${receiver.port}/`, method: 'GET' }, OPTIONS)
    assert.ok(outcome.kind === 'failed' && outcome.reason === 'tls', JSON.stringify(outcome))
    assert.equal(receiver.received.includes('GET'), false)
  }
})

test('the request is what was asked for, with the name in Host and in TLS', async () => {
  let name: string | false | undefined
  const tls = { cert: pem('receiver.pem'), key: KEY }
  const behave = (socket: Parameters<NonNullable<Row['behave']>>[0], received: () => string) => {
    if ('servername' in socket) name = socket.servername as string // of a TLS socket
    answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\n{}')(socket, received)
  }
  await using receiver = await startReceiver(behave, { tls })
  const url = `https://receiver.test:${receiver.port}/a%20b?c=d`
  const call = {
    url,
    method: 'POST',
    body: 'été',
    headers: { 'webhook-id': 'x', 'content-type': 'application/json' },
  } as const
  const outcome = await callOutside(call, OPTIONS)
  assert.ok(outcome.kind === 'answered' && outcome.body.toString() === '{}' && outcome.headers['x-a'] === 'b')
  assert.equal(name, 'receiver.test')
  const [first = '', ...rest] = receiver.received.split('\r\n')
  assert.equal(first, 'POST /a%20b?c=d HTTP/1.1')
  const lines = rest.map((line) => line.toLowerCase())
  for (const line of [
    `host: receiver.test:${receiver.port}`,
    'content-length: 5',
    'webhook-id: x',
    'connection: close',
  ]) {
    assert.ok(lines.includes(line), line)
  }
  assert.equal(rest.at(-1), 'été')
})

test('a proxy that the environment names is not used: it would look names up by itself', async (t) => {
  await using proxy = await startReceiver()
  await using receiver = await startReceiver()
  t.after(http.setGlobalProxyFromEnv({ http_proxy: `http://127.0.0.1:${proxy.port}` }))
  const url = `http://receiver.test:${receiver.port}/`
  assert.equal((await callOutside({ url, method: 'GET' }, OPTIONS)).kind, 'answered')
  assert.deepEqual([proxy.connections, receiver.connections], [0, 1])
  // Its twin: what takes no care goes there.
  const [answered] = await once(http.get(url), 'response')
  answered.destroy()
  assert.deepEqual([proxy.connections, receiver.connections], [1, 1])
})

/** Ours are closed: the receiver sees it a moment later. */
async function gone(open: Set<unknown>): Promise<void> {
  for (const end = Date.now() + 5_000; open.size > 0; await new Promise((resolve) => setTimeout(resolve, 5))) {
    assert.ok(Date.now() < end, 'a connection is left open')
  }
}
