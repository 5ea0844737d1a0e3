// `listen` on the real server, with real handlers that check what they are sent.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { verifyWebhook, WebhookError, type WebhookEvent } from 'cloudspot-license-api/webhooks'
import { freePort } from '../../../tools/free-port.ts'
import { purgeOutbox } from '../../server/src/jobs/purge-events.ts'
import { replaceHistory } from '../../server/src/outbox/cursor.ts'
import { insertEvents, type NewEvent } from '../../server/src/outbox/event-store.ts'
import { ACME, askFor, BERT, MANAGED_HOUSE, makeKey } from '../../server/tests/support/admin.ts'
import { listenTo, settle } from '../../server/tests/support/events.ts'
import {
  addEndpoint,
  type HookReceiver,
  type Received,
  startHookReceiver,
  TO_THIS_MACHINE,
} from '../../server/tests/support/hook-receiver.ts'
import { databases, startServer, type TestServer } from '../../server/tests/support/server.ts'
import { openWire } from '../../server/tests/support/wire.ts'
import { CommandLine, words } from './support/run.ts'
import { start } from './support/running.ts'

/** The application `crm`, told of events from here on; `rename` is an event. */
async function scene(server: TestServer, url = server.url) {
  const { secret } = await listenTo(server, 'crm')
  const key = await makeKey(server)
  return {
    secret,
    key,
    cli: new CommandLine({ LICENSE_SERVER: url, LICENSE_APPLICATION_SECRET: secret }),
    rename: (name: string) => askFor(200, server, key, `PATCH /companies/${ACME}`, { body: { name } }),
    approve: (user: string) =>
      askFor(201, server, key, `POST /companies/${ACME}/members/${user}/grants`, {
        body: { application: 'crm', permission: 'approve_invoice' },
      }),
  }
}

const names = (events: { event?: { data: { company: { name: string } } } }[]) =>
  events.flatMap(({ event }) => (event ? [event.data.company.name] : []))

const byId = (all: readonly Received[]) => new Map(all.map((each) => [each.body.id, each]))

const verified = ({ raw, headers }: Received, secret: string): Promise<WebhookEvent> =>
  verifyWebhook(raw, headers, secret)

/** What is printed after such words, as a shell would take it. */
function commandAfter(text: string, said: string): string[] {
  const line = text.split('\n').find((each) => each.startsWith(said)) ?? ''
  return words(line.slice(said.length).replaceAll("'", '"')).slice(1)
}

for (const database of databases) {
  describe(`listen, on ${database}`, () => {
    test('a handler is sent what the server itself would send, and can not tell the difference', async () => {
      await using server = await startServer(database, { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
      await using endpoint = await startHookReceiver()
      await using handler = await startHookReceiver()
      const { cli, key, secret, rename, approve } = await scene(server)
      await addEndpoint(server, key, { url: endpoint.url })
      const args = ['listen', '--forward-to', handler.url, '--json']
      await using listening = start(cli, args, { LICENSE_APPLICATION: 'crm' })
      const [begun] = await listening.objects(1)
      assert.deepEqual([begun.state, begun.application, begun.forward_to], ['listening', 'crm', handler.url])
      assert.match(begun.signing_secret, /^whsec_[A-Za-z0-9+/]{43}=$/)

      await approve(BERT)
      await rename('Acme & Söhne')
      const [ours, theirs] = [byId(await handler.until(2)), byId(await endpoint.until(2))]
      assert.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort())
      for (const [id, { raw, headers, path }] of ours) {
        const its = theirs.get(id)
        assert.equal(raw, its?.raw)
        assert.equal(path, its?.path)
        assert.deepEqual(Object.keys(headers), Object.keys(its?.headers ?? {}))
        for (const name of ['content-type', 'content-length', 'connection', 'webhook-id'])
          assert.equal(headers[name], its?.headers[name], name)
      }
      for (const received of ours.values()) {
        const event = await verified(received, begun.signing_secret)
        assert.equal(event.id, received.body.id)
        // Neither the application's secret, nor another one.
        const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
        await assert.rejects(verified(received, other), WebhookError)
      }
      const [, first, second] = await listening.objects(3)
      for (const { event, answer, replay } of [first, second]) {
        assert.deepEqual(event, ours.get(event.id)?.body)
        assert.deepEqual([answer.status, answer.error, replay], [204, null, false])
      }
      const { code, stdout, stderr } = await listening.end('SIGTERM')
      assert.equal(code, 0)
      const ended = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
      assert.deepEqual(ended, { state: 'ended', events: 2, missed: 0, cursor: second.cursor })
      assert.ok(!(stdout + stderr).includes(secret))
      assert.equal((stdout + stderr).split(begun.signing_secret).length, 2, 'it is told once')
    })

    test('it begins now, and with the command that it ends with goes on where it ended', async () => {
      await using server = await startServer(database, { house: MANAGED_HOUSE })
      const { cli, rename, approve } = await scene(server)
      await rename('Before')
      await settle(server)
      await using first = start(cli, ['listen', 'crm', '--json'])
      await first.objects(1)
      await rename('During')
      await first.objects(2)
      const ended = await first.end()
      assert.equal(ended.code, 0)
      assert.deepEqual(names(await first.objects(3)), ['During'])

      await rename('Between')
      await settle(server)
      await using now = start(cli, ['listen', 'crm', '--json'])
      await now.objects(1)
      const command = commandAfter(ended.stderr, 'Go on from here: ')
      assert.deepEqual(command.slice(0, 3), ['listen', 'crm', '--since'])
      await using again = start(cli, command)
      await again.objects(2)
      await rename('After')
      assert.deepEqual(names(await again.objects(3)), ['Between', 'After'])
      assert.deepEqual(names(await now.objects(2)), ['After'])

      // For people a line each, of these types alone.
      await using shown = start(cli, [...command.slice(0, -1), '--type', 'permissions.updated,user.created'])
      await approve(BERT)
      const text = await shown.until('stdout', /bert/)
      assert.match(
        text,
        /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}permissions\.updated {2}bert@acme\.test, After: \+approve_invoice\n$/m,
      )
      assert.ok(!text.includes('company.updated'))
      assert.match(shown.stderr(), /^Listening to the events of crm at http:\/\/\S+, from that cursor on\.\n$/)
      const { code, stderr } = await shown.end('SIGHUP')
      assert.equal(code, 0)
      assert.match(
        stderr,
        /Go on from here: cloudspot-license listen crm --type permissions\.updated,user\.created --since \S+\n$/,
      )
    })

    test('a handler that is down or says no loses no event: the feed goes on, and it ends with from where to begin again', async () => {
      await using server = await startServer(database, { house: MANAGED_HOUSE })
      const { cli, rename } = await scene(server)
      const port = await freePort()
      const url = `http://localhost:${port}/hook?for=crm&odd=%27`
      await using listening = start(cli, ['listen', 'crm', '--forward-to', url])
      await listening.until('stdout', /^LICENSE_WEBHOOK_SECRET=whsec_/)
      await rename('One')
      await listening.until('stdout', /company\.updated {6}--- +\d+ ms {2}One\n {4}No answer \(ECONNREFUSED\)\.\n/)
      let missed: string[]
      {
        await using handler: HookReceiver = await startHookReceiver('/hook', port)
        const answers: [status: number, headers: Record<string, string>, told: RegExp][] = [
          [500, {}, /500 +\d+ ms {2}Two0\n {4}It said: not now, whsec_…\[2J\n/],
          [302, { location: `${handler.url}/elsewhere` }, /302 +\d+ ms {2}Two1\n {4}Redirects are not followed\. It/],
          [410, {}, /410 +\d+ ms {2}Two2\n {4}The server switches an endpoint off that says so\./],
        ]
        for (const [nth, [status, headers, told]] of answers.entries()) {
          handler.answer = () => ({ status, headers, body: 'not now, whsec_abcdefgh\u001b[2J' })
          await rename(`Two${nth}`)
          await listening.until('stdout', told)
        }
        handler.answer = () => ({ status: 200 })
        await rename('Three')
        await listening.until('stdout', /200 +\d+ ms {2}Three\n/)
        assert.deepEqual(
          handler.received.map(({ path }) => path),
          Array(4).fill('/hook?for=crm&odd=%27'),
        )
        const { code, stdout, stderr } = await listening.end()
        assert.equal(code, 0)
        assert.ok(!stdout.includes('\u001b'))
        assert.match(stderr, /^Ended after 5 events; not taken: 4\.$/m)
        missed = commandAfter(stderr, 'Again from the first that was not taken: ')
        await using again = start(cli, [...missed, '--json'])
        await again.objects(6)
        assert.deepEqual(names(await again.objects(6)), ['One', 'Two0', 'Two1', 'Two2', 'Three'])
        assert.equal(handler.received.length, 9)
      }
    })

    test('an event that is under way when it ends is told again the next time', async () => {
      await using server = await startServer(database, { house: MANAGED_HOUSE })
      const { cli, rename } = await scene(server)
      // It takes the request, and never answers.
      await using silent = createServer().listen(0, '127.0.0.1')
      await once(silent, 'listening')
      const { port } = silent.address() as AddressInfo // Of a port, not of a pipe.
      await using listening = start(cli, ['listen', 'crm', '--forward-to', `http://127.0.0.1:${port}/`])
      await listening.until('stdout', /^LICENSE_WEBHOOK_SECRET/)
      const asked = once(silent, 'request')
      await rename('One')
      await asked
      const { code, stderr } = await listening.end()
      assert.equal(code, 0)
      assert.match(stderr, /^Ended after 0 events\.$/m)
      const [, , , , ...since] = commandAfter(stderr, 'Go on from here: ')
      await using again = start(cli, ['listen', 'crm', ...since, '--json'])
      await again.objects(2)
      assert.deepEqual(names(await again.objects(2)), ['One'])
    })

    test('a server that goes away is waited for, and no event is lost meanwhile', async () => {
      await using server = await startServer(database, { house: MANAGED_HOUSE })
      await using wire = await openWire(server.url)
      const { cli, rename } = await scene(server, wire.url)
      await using listening = start(cli, ['listen', 'crm', '--json'])
      await listening.objects(1)
      await rename('Before')
      await listening.objects(2)
      await wire.cut()
      await listening.until('stderr', /can't be reached.* It is asked again until it answers; no event is lost/)
      await rename('Meanwhile')
      await settle(server)
      await wire.mend()
      assert.deepEqual(names(await listening.objects(3)), ['Before', 'Meanwhile'])
      await listening.until('stderr', /The License server answers again\.\n/)
      const { code, stderr } = await listening.end()
      assert.equal(code, 0)
      assert.equal(stderr.match(/asked again/g)?.length, 1, stderr)
      // Where it is not there to begin with, that is told as by every command.
      await wire.cut()
      assert.match(await cli.refusal(1, ['listen', 'crm']), /^The License server at \S+ does not answer\.\nDoes it run/)
    })

    test('a type that this program does not know is handed on as it came, and no name moves a cursor', async () => {
      await using server = await startServer(database, { house: MANAGED_HOUSE })
      await using handler = await startHookReceiver()
      const { cli, rename } = await scene(server)
      const env = {
        LICENSE_WEBHOOK_SECRET: [1, 2].map((nth) => `whsec_${Buffer.alloc(32, nth).toString('base64')}`).join(' '),
      }
      await using listening = start(cli, ['listen', 'crm', '--forward-to', handler.url], env)
      await listening.until('stderr', /signed with the secret in LICENSE_WEBHOOK_SECRET\.\n/)
      const event = { applicationId: 'crm', type: 'seat.given', data: { seat: 7, user: { email: 'x@y.test' } } }
      // Of a server that is newer.
      await server.ctx.db.transaction((tx) => insertEvents(tx, server.ctx.now(), [event as unknown as NewEvent]))
      await settle(server)
      await rename('A\u001b[2J\u202eB')
      const [first] = await handler.until(2)
      assert.ok(first)
      assert.deepEqual([first.body.type, first.body.data], ['seat.given', event.data])
      for (const secret of env.LICENSE_WEBHOOK_SECRET.split(' ')) {
        const told = await verified(first, secret)
        assert.equal(told.type === 'unknown' && told.unknownType, 'seat.given')
      }
      const text = await listening.until('stdout', /company\.updated.*\n/)
      assert.match(text, /seat\.given +204 +\d+ ms {2}x@y\.test\n/)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: this is about them
      assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u202e]/)
      const { stdout, stderr } = await listening.end()
      assert.doesNotMatch(stdout + stderr, /whsec_[^…]/)
    })

    test('what is missing, wrong or over is told with what to do', async () => {
      await using server = await startServer(database, { house: MANAGED_HOUSE })
      const { cli, secret, rename } = await scene(server)
      const shop = await listenTo(server, 'shop')
      const { cursor } = await listenTo(server, 'crm')
      const last = (await listenTo(server, 'crm')).secret
      const right = { LICENSE_APPLICATION_SECRET: last }
      const rows: [line: string, env: Record<string, string>, told: RegExp][] = [
        [
          'listen crm',
          { LICENSE_APPLICATION_SECRET: secret },
          /secret is wrong[\s\S]*the last one that was made\? .*application secret crm/,
        ],
        ['listen crm', { LICENSE_APPLICATION_SECRET: shop.secret }, /secret is wrong/],
        ['listen spare', right, /has no secret[\s\S]*application secret spare/],
        ['listen nobody', right, /not known here[\s\S]*application list/],
        [`listen ${last}`, right, /not known here/],
        [`listen crm --since ${shop.cursor}`, right, /Is that cursor one of crm/],
      ]
      for (const [line, env, told] of rows) {
        const text = await cli.refusal(1, words(line), { env })
        assert.match(text, told, line)
        assert.ok(!text.includes(last.slice(4)) && !text.includes('Go on from here'), text)
      }
      // With the right one, it listens.
      await using listening = start(cli, ['listen', 'crm', '--json', '--since', cursor], right)
      await rename('One')
      await listening.objects(2)
      server.clock.advance(40 * 86_400_000)
      await purgeOutbox(server.ctx)
      const gone = await cli.refusal(1, ['listen', 'crm', '--since', cursor], { env: right })
      assert.match(gone, /kept no longer[\s\S]*\nWithout --since it listens from now on; .*snapshot/)
      // Restored from a backup while somebody listens: no cursor of before is worth naming.
      await server.ctx.db.transaction(replaceHistory)
      await rename('Two')
      const { code, stderr } = await listening.over()
      assert.equal(code, 1)
      assert.match(stderr, /^What came after this cursor is kept no longer/)
      assert.ok(!stderr.includes('Go on from here'))
    })
  })
}
