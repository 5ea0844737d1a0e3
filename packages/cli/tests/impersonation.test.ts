// Acting as a user from a shell, on the real server, up to the session that it gives.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACME, BERT, SAM } from '../../server/tests/support/admin.ts'
import { startDjangoSite } from '../../server/tests/support/django-site.ts'
import { HOUSE, looks, supporter } from '../../server/tests/support/impersonation.ts'
import { databases, startServer } from '../../server/tests/support/server.ts'
import { CommandLine, checkRows, type Row } from './support/run.ts'

const BEGIN = ['impersonation', 'start', 'bert@acme.test', 'ACME', 'crm', '--reason', 'Ticket 7']

for (const database of databases) {
  test(`one is begun, seen, used and ended, and the audit names both people (${database})`, async () => {
    await using server = await startServer(database, { house: HOUSE })
    const key = await supporter(server)
    const sam = new CommandLine({ LICENSE_SERVER: server.url, LICENSE_API_KEY: key })
    const operator = await CommandLine.at(server)
    assert.equal(
      (await sam.run(['impersonation', 'list', '--live'])).stderr.trim(),
      'Nobody acts as somebody else at the moment.',
    )

    const begun = await sam.json([...BEGIN, '--minutes', '10'])
    assert.deepEqual([begun.user.id, begun.company.id, begun.state], [BERT, ACME, 'waiting'])
    const session = await server.license('crm').validateImpersonation(begun.token)
    assert.deepEqual(session.impersonation?.impersonatedBy, { name: 'sam@house.test', email: 'sam@house.test' })
    assert.equal(session.impersonation?.reason, 'Ticket 7')

    const rows: Row[] = [
      [
        'impersonation list --live --user bert@acme.test --company ACME --application crm',
        (all) => all.length === 1 && all[0].started_by.user === SAM,
        /^BEGAN +BY +AS +FOR +APPLICATION +STATE +REASON +ID\n.*sam@house\.test +bert@acme\.test +ACME +crm +live until \d\d:\d\d:\d\d UTC +Ticket 7/,
      ],
      [`impersonation show ${begun.id}`, ({ state }) => state === 'live', /state +live until[\s\S]*\nends /],
    ]
    await checkRows(operator, rows)
    assert.match(
      await operator.text(['impersonation', 'end', begun.id]),
      /^Nobody acts as bert@acme\.test in crm by it any more\.\n$/,
    )
    assert.equal(await looks(server, session.token), 401)
    assert.match(await operator.text(['impersonation', 'show', begun.id]), /state +over[\s\S]*\nended +\d{4}-/)
    assert.deepEqual(await operator.json(['impersonation', 'list', '--live']), [])
    const told = await operator.text(['audit', 'list', '--user', 'bert@acme.test', '--limit', '3'])
    assert.match(told, /impersonation\.ended +key "a test" \(sam@house\.test behind\)/)
    assert.match(told, /impersonation\.used +bert@acme\.test \(sam@house\.test behind\)/)
    assert.match(told, /impersonation\.started +key "a test" \(sam@house\.test behind\)/)

    // Begun by a key that is nobody's, and beside the server.
    const other = await operator.json(BEGIN)
    await server.license('crm').validateImpersonation(other.token)
    const beside = await server.impersonate({ user: 'bert@acme.test', company: ACME, application: 'crm', reason: 'x' })
    await server.license('crm').validateImpersonation(beside)
    const used = await operator.text(['audit', 'list', '--act', 'impersonation.used', '--limit', '3'])
    assert.match(used, /bert@acme\.test \(the command line behind\)[\s\S]*bert@acme\.test \(key "a test" behind\)/)
  })
}

test('what to open is the first line, and what a Django site keeps is said below it', async () => {
  await using site = await startDjangoSite()
  await using server = await startServer('sqlite', { house: HOUSE, env: site.env })
  const cli = await CommandLine.at(server)
  const until =
    /^(The address|The one-time token) lets you in once, until \d\d:\d\d:\d\d UTC: to crm as bert@acme\.test, for ACME\.$/
  const ways: [options: string[], first: RegExp, told: RegExp][] = [
    [[], /^[0-9a-f]{8}-[0-9a-f-]{27}$/, /No address of this application is known/],
    [
      ['--impersonation-url', 'https://crm.example/in'],
      /^http:\/\/\S+\/impersonate\/[0-9a-f-]{36}#[0-9a-f-]{36}$/,
      /press the button/,
    ],
    [
      ['--django-url', site.base],
      new RegExp(`^${site.base}/impersonation/[0-9a-f-]{36}$`),
      /best in a private window[\s\S]*must have signed in there before[\s\S]*a session of its own, which we can not end[\s\S]*until the user signs in there again/,
    ],
  ]
  for (const [options, first, told] of ways) {
    if (options.length > 0) await cli.text(['application', 'set', 'crm', ...options])
    const text = await cli.text(BEGIN)
    const [address = '', empty, sentence = '', end = ''] = text.split('\n')
    assert.match(address, first)
    assert.equal(empty, '')
    assert.match(sentence, until)
    assert.match(
      end,
      /^It ends at \d\d:\d\d:\d\d UTC, or before by: cloudspot-license impersonation end [0-9a-f-]{36}$/,
    )
    assert.match(text, told)
  }
  assert.match(
    await cli.text(['application', 'show', 'crm']),
    /Django site +http:.*\nlets in by +https:\/\/crm\.example\/in/,
  )
  assert.match(await cli.text(['application', 'set', 'crm', '--django-url', 'none']), /used from +anywhere\nlets in by/)
})

test('what is refused is told with what to do, and begins nothing', async () => {
  await using server = await startServer('sqlite', { house: HOUSE })
  const cli = await CommandLine.at(server)
  const anna = await CommandLine.at(server, { power: { kind: 'company', companyId: ACME } })
  const beginAs = (user: string, company = 'ACME') => [
    'impersonation',
    'start',
    user,
    company,
    'crm',
    '--reason',
    'Why',
  ]
  assert.match(await cli.refusal(1, beginAs('olga@house.test')), /^Nobody may act as an operator\.\n/)
  assert.match(
    await cli.refusal(1, beginAs('boris@acme.test')),
    /^This user may not use the application in that company\. `explain` says why\.\n$/,
  )
  assert.match(await anna.refusal(1, BEGIN), /an operator can allow it/)
  assert.match(await cli.text(['company', 'set', 'ACME', '--allow-impersonation']), /its admins +may act as its people/)
  await anna.text(BEGIN)
  assert.match(await cli.text(['company', 'set', 'ACME', '--no-allow-impersonation']), /may not act as its people/)
  await anna.refusal(1, BEGIN)
  assert.deepEqual(await cli.json(['impersonation', 'list', '--live']), [])

  await cli.text(['application', 'set', 'crm', '--dialect', 'flat-0.2'])
  assert.match(
    await cli.refusal(1, BEGIN),
    /its dialect is flat-0\.2.*\n`cloudspot-license application set ID --dialect v1`/,
  )
  await cli.text(['application', 'set', 'crm', '--dialect', 'v1'])
  assert.match(
    await cli.refusal(1, ['application', 'set', 'crm', '--impersonation-url', 'http://crm.example']),
    /https:/,
  )

  assert.match(await cli.refusal(2, BEGIN.slice(0, 5)), /required option '--reason <text>'/)
  assert.match(await cli.refusal(2, [...BEGIN, '--minutes', '61']), /whole number from 1 to 60/)
  assert.match(await cli.refusal(2, ['impersonation', 'set', 'x']), /never made longer/)
})
