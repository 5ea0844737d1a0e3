import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LicenseClient } from 'cloudspot-license-api'
import { send, sendProblem, startServer } from './stand-in.ts'

test('after a failure it is asked without waiting, so that it shows when the server is back; a cursor is told with and without events', async (t) => {
  const ping = { id: 'one', type: 'ping', timestamp: '2026-12-01T09:30:00.000Z', data: { application: 'crm' } }
  const answers = [
    { events: [], cursor: 'c0', more: false },
    undefined,
    { events: [], cursor: 'c1', more: false },
    { events: [ping, { ...ping, id: 'two' }], cursor: 'c2', more: false },
  ]
  const server = await startServer(t, (_, response) => {
    const answer = answers.shift()
    if (answer) send(response, 200, answer)
    else sendProblem(response, 503, 'busy')
  })
  const stop = new AbortController()
  const told: string[] = []
  const license = new LicenseClient('crm', { baseUrl: server.url, secret: 'a-secret' })
  const events = license.events(undefined, {
    signal: stop.signal,
    waitSeconds: 3,
    onUnavailable: ({ code }) => {
      told.push(code)
      // It is never there again.
      if (answers.length === 0) stop.abort(new Error('enough'))
    },
    onCursor: (cursor) => told.push(cursor),
  })
  const listening = (async () => {
    for await (const { event, cursor } of events) told.push(`${event.id} ${cursor}`)
  })()
  await assert.rejects(listening, /enough/)
  assert.deepEqual(told, ['c0', 'busy', 'c1', 'one c1', 'two c2', 'c2', 'busy'])
  assert.deepEqual(
    server.seen.map(({ path }) => path.replace(/^.*\/events/, '')),
    ['?', '?after=c0&wait=3', '?after=c0', '?after=c1&wait=3', '?after=c2&wait=3'],
  )
})
