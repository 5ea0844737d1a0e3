// What `listen` is given: refused before any server is asked. And its keys, on a terminal.
import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { test } from 'node:test'
import { verifyWebhook } from 'cloudspot-license-api/webhooks'
import { ACME, askFor, MANAGED_HOUSE, makeKey } from '../../server/tests/support/admin.ts'
import { listenTo } from '../../server/tests/support/events.ts'
import { startHookReceiver } from '../../server/tests/support/hook-receiver.ts'
import { startServer } from '../../server/tests/support/server.ts'
import { CommandLine, makeFolder, words } from './support/run.ts'
import { start } from './support/running.ts'
import { noTerminal, onTerminal } from './support/terminal.ts'

const folder = makeFolder()
const SECRET = `cls_${'s'.repeat(49)}`
const SIGNING = `whsec_${'d'.repeat(43)}=`

test('what is missing or wrong ends with 2, and no secret is repeated', async () => {
  const cli = new CommandLine({ LICENSE_SERVER: 'http://127.0.0.1:1' })
  const some = { LICENSE_APPLICATION_SECRET: SECRET }
  const to = 'listen crm --forward-to'
  const rows: [line: string, env: Record<string, string>, told: RegExp][] = [
    ['listen', some, /^Say whose events: .*LICENSE_APPLICATION\.\n$/],
    ['listen "a b"', some, /^"a b" is no id of an application/],
    [
      'listen crm',
      {},
      /^There is no secret of crm\. Put it in LICENSE_APPLICATION_SECRET[\s\S]*application secret crm\n$/,
    ],
    ['listen crm', { LICENSE_APPLICATION_SECRET: 'two words' }, /^LICENSE_APPLICATION_SECRET holds no secret/],
    ['listen crm', { ...some, LICENSE_APPLICATION_SECRET_FILE: '/x' }, /are both set: leave one out/],
    [
      'listen crm',
      { LICENSE_APPLICATION_SECRET_FILE: '/nowhere/x' },
      /^The file \/nowhere\/x can't be read \(ENOENT\)/,
    ],
    ['listen crm --secret-file /nowhere/x', some, /can't be read \(ENOENT\)/],
    [`listen crm --secret-file ${folder.file('empty', '\n')}`, {}, /empty is empty: it should hold a secret/],
    [`listen crm --secret ${SECRET}`, some, /^A secret is not given on the command line/],
    [`listen crm --webhook-secret=${SIGNING}`, some, /^A secret is not given on the command line/],
    [`listen crm --app-secret=${SECRET}`, some, /unknown option/],
    [
      `${to} localhost:3000/hook`,
      some,
      /^"localhost:3000\/hook" is no address to send events to\. .*http:\/\/localhost:3000\/hook\n$/,
    ],
    [`${to} ftp://localhost/hook`, some, /no address to send events to/],
    [`${to} 3000`, some, /no address to send events to/],
    [`${to} http://me:pass@localhost/hook`, some, /^--forward-to holds a name or a password/],
    [
      `${to} http://a`,
      { ...some, LICENSE_WEBHOOK_SECRET: SECRET },
      /^LICENSE_WEBHOOK_SECRET holds no secret to sign with\. A secret must be whsec_/,
    ],
    [
      `${to} http://a --webhook-secret-file ${folder.file('short', 'whsec_aaaa')}`,
      some,
      /short holds no secret to sign/,
    ],
    [
      'listen crm --type user.creatd',
      some,
      /^"user\.creatd" is no type of an event\. There is: permissions\.updated, /,
    ],
    ['listen crm --since ../x', some, /^--since takes a cursor/],
    ['listen crm --server license.example', some, /is no address of a License server/],
  ]
  for (const [line, env, told] of rows) {
    const text = await cli.refusal(2, words(line), { env })
    assert.match(text, told, line)
    assert.ok(!/s{9}|d{9}|me:pass/.test(text), text)
  }
})

test('secrets come from files, and from those of the environment too', async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  await using handler = await startHookReceiver()
  const { secret } = await listenTo(server, 'crm')
  const cli = new CommandLine({ LICENSE_SERVER: server.url })
  const [ofApplication, toSign] = [folder.file('application', `${secret}\n`), folder.file('sign', `${SIGNING}\n`)]
  for (const file of [ofApplication, toSign]) chmodSync(file, 0o600)
  const key = await makeKey(server)
  const line = ['listen', 'crm', '--forward-to', handler.url]
  const ways: [args: string[], env: Record<string, string>][] = [
    [['--secret-file', ofApplication, '--webhook-secret-file', toSign], {}],
    [[], { LICENSE_APPLICATION_SECRET_FILE: ofApplication, LICENSE_WEBHOOK_SECRET_FILE: toSign }],
    // What is named beside the command is meant.
    [['--secret-file', ofApplication], { LICENSE_APPLICATION_SECRET: 'another', LICENSE_WEBHOOK_SECRET: SIGNING }],
  ]
  for (const [nth, [args, env]] of ways.entries()) {
    await using listening = start(cli, [...line, ...args], env)
    await listening.until('stderr', /^Listening[^\n]*\nEach is sent to \S+, signed with the secret in \S+\.\n$/)
    await askFor(200, server, key, `PATCH /companies/${ACME}`, { body: { name: `Name ${nth}` } })
    const received = (await handler.until(nth + 1)).at(-1)
    assert.ok(received)
    await verifyWebhook(received.raw, received.headers, SIGNING)
    const { code, stdout, stderr } = await listening.end()
    assert.equal(code, 0)
    assert.ok(![secret, SIGNING].some((each) => (stdout + stderr).includes(each.slice(6))))
  }
})

test('on a terminal a key sends the last event again, under its id and signed anew, and another one ends it', {
  skip: noTerminal,
}, async () => {
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE })
  await using handler = await startHookReceiver()
  const { secret } = await listenTo(server, 'crm')
  const key = await makeKey(server)
  const cli = new CommandLine({ LICENSE_SERVER: server.url, LICENSE_APPLICATION_SECRET: secret, NO_COLOR: '1' })
  const rename = (name: string) => askFor(200, server, key, `PATCH /companies/${ACME}`, { body: { name } })
  handler.answer = () => ({ status: 503 })
  const { code, whole } = await onTerminal(cli, `listen crm --forward-to ${handler.url}`, [
    ['q ends.', 'r'],
    ['Nothing has come yet.', () => rename('One')],
    [
      'One\r\n    r sends it again.',
      async (press) => {
        handler.answer = () => ({ status: 200 })
        press('r')
      },
    ],
    [
      'One (again)',
      async (press) => {
        // F3 and F2 end in letters, too.
        press('\u001bOR\u001bOQ')
        await rename('Two')
      },
    ],
    ['Two', 's'],
    ['"name": "Two"', 'q'],
  ])
  assert.equal(code, 0, whole)
  assert.match(whole, /503 +\d+ ms {2}One\r\n/)
  assert.match(whole, /200 +\d+ ms {2}One \(again\)\r\n/)
  assert.match(whole, /Ended after 2 events\.\r\nGo on from here: cloudspot-license listen crm --forward-to/)
  assert.ok(!whole.includes('Again from the first'))
  const [, made = ''] = /LICENSE_WEBHOOK_SECRET=(whsec_\S+)/.exec(whole) ?? []
  assert.equal(handler.received.length, 3)
  const [first, second] = handler.received
  assert.equal(first?.raw, second?.raw)
  for (const { raw, headers } of handler.received) await verifyWebhook(raw, headers, made)
  assert.ok(Number(second?.headers['webhook-timestamp']) >= Number(first?.headers['webhook-timestamp']))

  // Without a secret it is asked for, hidden. Ctrl-C ends it as well.
  const asked = await onTerminal(new CommandLine({ LICENSE_SERVER: server.url, NO_COLOR: '1' }), 'listen crm', [
    ['The secret of crm', `${secret}\r`],
    ['q ends.', '\u0003'],
  ])
  assert.equal(asked.code, 0, asked.whole)
  assert.ok(!asked.whole.includes(secret))
  assert.match(asked.whole, /Ended after 0 events\.\r\nGo on from here: /)
})
