// Where events are sent, on the real server, with a receiver that hears them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MANAGED_HOUSE } from '../../server/tests/support/admin.ts'
import { startHookReceiver, TO_THIS_MACHINE } from '../../server/tests/support/hook-receiver.ts'
import { startServer } from '../../server/tests/support/server.ts'
import { CommandLine } from './support/run.ts'

test('an endpoint is added, tried, mended, given another secret and removed; what failed is found and sent again', async () => {
  await using receiver = await startHookReceiver()
  await using server = await startServer('sqlite', { house: MANAGED_HOUSE, env: TO_THIS_MACHINE })
  const cli = await CommandLine.at(server, { power: { kind: 'application', applicationId: 'crm' } })
  const at = ['crm', receiver.url]

  assert.deepEqual(await cli.json(['endpoint', 'list', 'crm']), [])
  const made = await cli.text(['endpoint', 'add', ...at, '--type', 'permissions.updated', '--description', 'The CRM'])
  assert.match(made, /^whsec_\S+\nKeep it: it is told this once/)
  const shown = await cli.text(['endpoint', 'show', ...at])
  assert.match(shown, /form +standard\nevents +permissions\.updated\ndescription +The CRM\nstate +works/)
  assert.ok(!shown.includes('whsec_'))
  assert.match(await cli.text(['endpoint', 'ping', ...at]), /answered 204 after \d+ ms: it works\./)

  receiver.answer = () => ({ status: 500, body: 'not now' })
  const failed = await cli.run(['endpoint', 'ping', ...at])
  assert.deepEqual([failed.code, failed.stderr], [1, ''])
  assert.match(failed.stdout, /answered 500 .*it does not work\.\nIt said: not now/)
  const list = await cli.text(['delivery', 'list', ...at, '--state', 'failed'])
  assert.match(list, /^ID +MADE +EVENT +STATE +TRIES +LAST ANSWER\n\S+ .* ping +failed +1 +500\n$/)
  const [one] = await cli.json(['delivery', 'list', ...at, '--state', 'failed'])
  assert.match(await cli.text(['delivery', 'show', ...at, one.id]), /state +failed[\s\S]*1\. .*: 500\n +not now/)
  assert.match(await cli.refusal(2, ['delivery', 'replay', ...at]), /Name a delivery, or say which/)
  receiver.answer = () => ({ status: 200 })
  assert.deepEqual(await cli.json(['delivery', 'replay', ...at, '--state', 'failed', '--yes']), { replayed: 1 })
  await receiver.until(3)
  assert.equal(receiver.received[2]?.headers['webhook-id'], one.message)
  assert.match(await cli.text(['delivery', 'replay', ...at, one.id]), /It is sent again/)

  assert.match(await cli.text(['endpoint', 'set', ...at, '--no-active']), /switched off/)
  assert.match(await cli.refusal(1, ['endpoint', 'ping', ...at]), /switch it on first/)
  assert.match(await cli.text(['endpoint', 'set', ...at, '--active', '--type', 'all']), /works/)
  assert.match(
    await cli.text(['endpoint', 'rotate-secret', ...at, '--hours', '2']),
    /^whsec_\S+\nThe one before signs along until/,
  )
  assert.deepEqual(Object.keys(await cli.json(['endpoint', 'resend', ...at, '--yes'])), ['resending'])
  assert.match(await cli.refusal(1, ['endpoint', 'remove', ...at]), /Add --yes/)
  await cli.text(['endpoint', 'remove', ...at, '--yes'])
  assert.match(await cli.refusal(1, ['endpoint', 'show', ...at]), /There is no endpoint [\s\S]*endpoint add/)
  assert.match(await cli.refusal(1, ['endpoint', 'add', 'crm', 'https://10.0.0.1/hook']), /not public/)
  assert.match(await cli.refusal(2, ['endpoint', 'edit', ...at]), /endpoint set/)
})
