import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LicenseAdmin, LicenseServerUnavailable, Refused, UnexpectedAnswer } from 'cloudspot-license-api/admin'
import { type Handler, inTurn, type StandIn, sendProblem, startServer } from './stand-in.ts'

const END = '{"end":true,"entries":3}\n'

async function start(t: TestContext, handler: Handler, options = {}): Promise<StandIn & { admin: LicenseAdmin }> {
  t.mock.method(Math, 'random', () => 0)
  const server = await startServer(t, handler)
  return { ...server, admin: new LicenseAdmin({ baseUrl: server.url, apiKey: 'clk_1', ...options }) }
}

/** Sends these pieces one by one. */
const pieces =
  (...all: (string | Uint8Array)[]): Handler =>
  async (_seen, response) => {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
    for (const piece of all) {
      response.write(piece)
      await sleep(5)
    }
    response.end()
  }

async function read(lines: AsyncIterable<string>): Promise<{ lines: string[]; error: unknown }> {
  const seen: string[] = []
  try {
    for await (const line of lines) seen.push(line)
    return { lines: seen, error: undefined }
  } catch (error) {
    return { lines: seen, error }
  }
}

test('an export comes line by line, wherever its pieces end', async (t) => {
  const text = `{"name":"Ä€😀"}\n{"b":1}\n\n${END}`
  const bytes = new TextEncoder().encode(text)
  const wholes = [[text], [...bytes].map((byte) => Uint8Array.of(byte)), [bytes.subarray(0, 11), bytes.subarray(11)]]
  for (const whole of wholes) {
    const { admin, seen } = await start(t, pieces(...whole))
    const { lines, error } = await read(admin.export())
    assert.equal(error, undefined)
    assert.equal(`${lines.join('\n')}\n`, text)
    assert.equal(seen[0]?.path, '/api/v1/admin/export')
  }
})

test('CSV keeps its own ends of lines, and is asked for with its filters', async (t) => {
  const text = 'id,at\r\n1,"a\nb"\r\nend,1 entries\r\n'
  const { admin, seen } = await start(t, pieces(text))
  const { lines, error } = await read(admin.audit.export({ format: 'csv', act: 'user.created', company: undefined }))
  assert.equal(error, undefined)
  assert.equal(`${lines.join('\n')}\n`, text)
  assert.equal(seen[0]?.path, '/api/v1/admin/audit/export?format=csv&act=user.created')
})

test('one that was cut off is an error, whether the connection tells or not', async (t) => {
  const cutConnection: Handler = (_seen, response) => {
    response.writeHead(200)
    response.write('{"a":1}\n{"b', () => response.socket?.destroy())
  }
  const { admin, seen } = await start(t, cutConnection)
  const cut = await read(admin.export())
  assert.deepEqual(cut.lines, ['{"a":1}'])
  assert.ok(cut.error instanceof LicenseServerUnavailable)
  assert.equal(seen.length, 1, 'what has begun is not repeated')
  for (const whole of ['', '{"a":1}\n', '{"a":1}\n{"end', `${END}{"a":1}\n`, '{"end":false}\n', 'ending,1\n']) {
    const quiet = await start(t, pieces(whole))
    const { error } = await read(quiet.admin.export())
    assert.ok(error instanceof UnexpectedAnswer, whole)
    assert.match(error.message, /^GET \/export: it was cut off before its end: ask again/)
  }
})

test('whoever stops early ends the transfer', async (t) => {
  let closed: Promise<unknown> | undefined
  const endless: Handler = (_seen, response) => {
    closed = once(response, 'close')
    response.writeHead(200)
    const more = () => {
      while (!response.destroyed && response.write('{"a":1}\n'.repeat(1_000)));
    }
    response.on('drain', more)
    more()
  }
  const { admin } = await start(t, endless)
  let count = 0
  for await (const _line of admin.export()) if (++count === 3) break
  assert.equal(count, 3)
  await closed
})

test('the timeout is for each piece, not for the whole', async (t) => {
  const slow: Handler = async (_seen, response) => {
    response.writeHead(200)
    for (let nth = 0; nth < 8; nth++) {
      response.write('{"a":1}\n')
      await sleep(150)
    }
    response.end(END)
  }
  const { admin } = await start(t, slow)
  const { lines, error } = await read(admin.export({ timeout: 1_000 }))
  assert.equal(error, undefined)
  assert.equal(lines.length, 9)

  const stalls: Handler[] = [
    () => {},
    (_seen, response) => response.writeHead(200).flushHeaders(),
    (_seen, response) => response.writeHead(200).write('{"a":1}\n{"b'),
  ]
  for (const stalled of stalls) {
    const stuck = await start(t, stalled, { timeout: 100, retries: 0 })
    const { error } = await read(stuck.admin.export())
    assert.equal((error as LicenseServerUnavailable).code, 'timeout') // read of it just here
  }
})

test('a slow reader is no slow server', async (t) => {
  const { admin } = await start(t, pieces('{"a":1}\n', '{"b":1}\n', END), { timeout: 1_000 })
  const seen: string[] = []
  for await (const line of admin.export()) if (seen.push(line) === 1) await sleep(1_100)

  assert.equal(seen.length, 3)
})

test("the caller's signal ends it with its own reason, and nothing stays on the signal", async (t) => {
  const reason = new Error('enough')
  const stalled = await start(t, (_seen, response) => response.writeHead(200).write('{"a":1}\n'))
  const controller = new AbortController()
  setTimeout(() => controller.abort(reason), 50)
  const { lines, error } = await read(stalled.admin.export({ signal: controller.signal }))
  assert.deepEqual(lines, ['{"a":1}'])
  assert.equal(error, reason)
  const { signal } = new AbortController()
  const fine = await start(t, pieces(END))
  await read(fine.admin.export({ signal }))
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('a refusal and a server that is busy are told as of any call, and the beginning is repeated', async (t) => {
  const refused = await start(t, (_seen, response) => sendProblem(response, 403, 'scope_missing'))
  assert.ok((await read(refused.admin.export())).error instanceof Refused)
  const busy = await start(
    t,
    inTurn((_seen, response) => sendProblem(response, 503, 'busy', { retry_after: 0 }), pieces(END)),
  )
  assert.equal((await read(busy.admin.export())).error, undefined)
  assert.equal(busy.seen.length, 2)
})

test('what is no text, or a line without end, is no export', async (t) => {
  const binary = await start(t, pieces(Uint8Array.of(0x7b, 0xff, 0x0a), END))
  assert.match(String((await read(binary.admin.export())).error), /UTF-8/)
  const long = await start(t, pieces('x'.repeat(600), 'x'.repeat(600), END), { maxAnswerBytes: 1_000 })
  assert.match(String((await read(long.admin.export())).error), /longer than 1000/)
})

test('a fetch without streams is read all the same', async () => {
  const admin = new LicenseAdmin({
    baseUrl: 'https://license.example',
    apiKey: 'clk_1',
    fetch: async () => Object.defineProperty(new Response(`{"a":1}\n${END}`), 'body', { value: null }),
  })
  assert.deepEqual((await read(admin.export())).lines.length, 2)
})
