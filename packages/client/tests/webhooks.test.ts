import assert from 'node:assert/strict'
import { createHmac, randomBytes, randomInt, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { LicenseError } from 'cloudspot-license-api'
import {
  type SignedHeaders,
  signWebhook,
  verifyWebhook,
  WebhookError,
  type WebhookEvent,
  type WebhookHeaders,
} from 'cloudspot-license-api/webhooks'

const NOW = Date.UTC(2026, 10, 26, 12)
const SECRET = newSecret()
const ID = '0199c0de-0000-7000-8000-000000000001'
const EVENT = {
  id: ID,
  type: 'permissions.updated',
  timestamp: '2026-11-26T11:59:58.120Z',
  data: {
    user: { id: '0199c0de-0000-7000-8000-000000000002', email: 'anna@acme.test' },
    company: { id: '0199c0de-0000-7000-8000-000000000003', name: 'ACME Été 😀' },
    application: 'crm',
    permissions: ['list_invoices', 'use_app'],
    added: [],
    removed: ['create_invoice'],
    version: 7,
  },
}
const BODY = JSON.stringify(EVENT)

function newSecret(bytes = 32): string {
  return `whsec_${randomBytes(bytes).toString('base64')}`
}

async function refused(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  options: { secrets?: string | string[]; now?: number; toleranceSeconds?: number } = {},
): Promise<string> {
  const { secrets = SECRET, now = NOW, ...more } = options
  const told = await verifyWebhook(body, headers, secrets, { now, ...more }).catch((error: unknown) => error)
  assert.ok(told instanceof WebhookError, `accepted, or another error: ${inspect(told)}`)
  assert.ok(told instanceof LicenseError)
  const all = [inspect(told, { depth: 9 }), JSON.stringify(told), told.stack].join()
  for (const secret of [secrets].flat()) assert.ok(!all.includes(secret.slice(6)), 'a secret shows')
  return told.code
}

test('the signature is that of the specification', async () => {
  // The example that the libraries of Standard Webhooks share.
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const body = '{"test": 2432232314}'
  const headers = await signWebhook(body, { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', now: 1_614_265_330_000 }, secret)
  assert.deepEqual(headers, {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
  // Authentic, but no event of a License server.
  assert.equal(await refused(body, { ...headers }, { secrets: secret, now: 1_614_265_330_000 }), 'malformed')
  assert.equal(
    await refused(`${body} `, { ...headers }, { secrets: secret, now: 1_614_265_330_000 }),
    'signature_wrong',
  )
})

test('a second making of the same signature says the same, for bodies of any letters and for bytes', async () => {
  const key = Buffer.from(SECRET.slice(6), 'base64')
  for (const body of [BODY, '{"a":"\u0000\u2028😀"}', '', 'x'.repeat(100_000)]) {
    const headers = await signWebhook(body, { id: ID, now: NOW }, SECRET)
    const expected = createHmac('sha256', key)
      .update(`${ID}.${NOW / 1000}.${body}`)
      .digest('base64')
    assert.equal(headers['webhook-signature'], `v1,${expected}`)
    assert.deepEqual(await signWebhook(Buffer.from(body), { id: ID, now: NOW }, SECRET), headers)
  }
})

test('what was signed is read, whatever way body and headers come', async () => {
  const headers = await signWebhook(BODY, { id: ID, now: NOW }, SECRET)
  const bytes = new TextEncoder().encode(BODY)
  const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]))
  const lists = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]))
  for (const body of [BODY, bytes, Buffer.from(BODY), bytes.buffer]) {
    for (const given of [new Headers({ ...headers }), { ...headers, other: undefined }, upper, lists]) {
      assert.deepEqual(await verifyWebhook(body, given, SECRET, { now: NOW }), EVENT)
    }
  }
  assert.equal(await refused(BODY, { ...headers, 'webhook-signature': 'v1,' }), 'malformed')
})

test('while a secret changes both signatures are sent, and either is enough; a third secret is not', async () => {
  const [before, after] = [SECRET, newSecret()]
  const headers = { ...(await signWebhook(BODY, { id: ID, now: NOW }, [before, after])) }
  assert.equal(headers['webhook-signature'].split(' ').length, 2)
  for (const secrets of [before, after, [before, after], [newSecret(), after]]) {
    assert.deepEqual(await verifyWebhook(BODY, headers, secrets, { now: NOW }), EVENT)
  }
  assert.equal(await refused(BODY, headers, { secrets: [newSecret(), newSecret()] }), 'signature_wrong')
  // The receiver holds two, the sender signs with one.
  const one = { ...(await signWebhook(BODY, { id: ID, now: NOW }, after)) }
  assert.deepEqual(await verifyWebhook(BODY, one, [before, after], { now: NOW }), EVENT)
  assert.equal(await refused(BODY, one, { secrets: before }), 'signature_wrong')
})

test('a signature of another version is passed over, and does not count', async () => {
  const headers = await signWebhook(BODY, { id: ID, now: NOW }, SECRET)
  const [, signature = ''] = headers['webhook-signature'].split(',')
  const with_ = (value: string) => ({ ...headers, 'webhook-signature': value })
  assert.deepEqual(await verifyWebhook(BODY, with_(`v1a,AAAA v1,${signature} v2,AA`), SECRET, { now: NOW }), EVENT)
  for (const version of ['v1a', 'v2', 'v0']) {
    assert.equal(await refused(BODY, with_(`${version},${signature}`)), 'signature_wrong')
  }
})

test('a signature has one spelling', async () => {
  const headers = await signWebhook(BODY, { id: ID, now: NOW }, SECRET)
  const [, signature = ''] = headers['webhook-signature'].split(',')
  // Two bits of the last letter mean nothing: four letters say the same 32 bytes.
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const last = letters[letters.indexOf(signature[42] ?? '') ^ 1]
  const respelt = `${signature.slice(0, 42)}${last}=`
  assert.deepEqual(Buffer.from(respelt, 'base64'), Buffer.from(signature, 'base64'))
  const others = [`${signature}=`, `${signature}A`, signature.slice(0, -1), signature.slice(0, 42), signature.slice(1)]
  for (const other of [...others, respelt, signature.toLowerCase(), `v1${signature}`]) {
    assert.equal(await refused(BODY, { ...headers, 'webhook-signature': `v1,${other}` }), 'signature_wrong', other)
  }
})

test('its time may be five minutes off, in both directions, and not a second more', async () => {
  const headers = { ...(await signWebhook(BODY, { id: ID, now: NOW }, SECRET)) }
  for (const off of [-300, -1, 0, 1, 300]) {
    assert.deepEqual(await verifyWebhook(BODY, headers, SECRET, { now: NOW + off * 1000 }), EVENT)
  }
  for (const off of [-301, 301, 86_400, -86_400]) {
    assert.equal(await refused(BODY, headers, { now: NOW + off * 1000 }), 'timestamp_outside')
  }
  assert.deepEqual(await verifyWebhook(BODY, headers, SECRET, { now: NOW + 20_000, toleranceSeconds: 20 }), EVENT)
  assert.equal(await refused(BODY, headers, { now: NOW + 21_000, toleranceSeconds: 20 }), 'timestamp_outside')
  // Nobody is told of the time of what the server did not sign.
  assert.equal(await refused(`${BODY} `, headers, { now: NOW + 301_000 }), 'signature_wrong')
})

test('without a header it is no webhook, and a header of another form is none', async () => {
  const headers = { ...(await signWebhook(BODY, { id: ID, now: NOW }, SECRET)) }
  for (const name of Object.keys(headers)) {
    const { [name as keyof SignedHeaders]: value, ...rest } = headers
    for (const missing of [rest, { ...rest, [name]: '' }, { ...rest, [name]: undefined }, { ...rest, [name]: [] }]) {
      assert.equal(await refused(BODY, missing), 'signature_missing')
    }
    for (const other of [`${value}, ${value}`, ` ${value}`, `${value} `, `${value}\n`, '\u0660', 'x'.repeat(10_000)]) {
      assert.equal(await refused(BODY, { ...rest, [name]: other }), 'malformed', `${name}: ${other.slice(0, 90)}`)
    }
    assert.equal(await refused(BODY, { ...rest, [name]: [value, value] }), 'malformed')
    assert.equal(await refused(BODY, { ...headers, [name.toUpperCase()]: value }), 'malformed')
  }
  for (const timestamp of ['-1', '+1', '1e9', '0x5', '1.0', `0${NOW / 1000}`, `${NOW}000`]) {
    assert.equal(await refused(BODY, { ...headers, 'webhook-timestamp': timestamp }), 'malformed', timestamp)
  }
  assert.equal(await refused(BODY, { ...headers, 'webhook-id': `${ID}.1` }), 'malformed')
})

test('2,000 changed bodies, ids, times and signatures: none is accepted', async () => {
  const headers = await signWebhook(BODY, { id: ID, now: NOW }, [SECRET, newSecret()])
  const message = { body: BODY, ...headers }
  const parts = Object.keys(message) as (keyof typeof message)[]
  const alphabet = `${BODY}${Object.values(headers).join('')}ABCxyz019+/=-_. ,{}"`
  let tried = 0
  while (tried < 2_000) {
    const part = parts[tried % parts.length] ?? 'body'
    const text = message[part]
    const at = randomInt(text.length + 1)
    const letter = alphabet[randomInt(alphabet.length)] ?? ''
    const kind = randomInt(4)
    const changed =
      kind === 0
        ? text.slice(0, at) + letter + text.slice(at)
        : kind === 1
          ? text.slice(0, at) + text.slice(at + 1)
          : kind === 2
            ? text.slice(0, at) + letter + text.slice(at + 1)
            : text.slice(0, at)
    // One of the two signatures is ours: the other may be anything that has its form.
    const isOurs = part !== 'webhook-signature' || changed.split(' ')[0] !== text.split(' ')[0]
    const { body, ...given } = { ...message, [part]: changed }
    if (changed === text || !isOurs) continue
    const told = await verifyWebhook(body, given, SECRET, { now: NOW }).catch((error: unknown) => error)
    assert.ok(told instanceof WebhookError, `accepted: ${part} ${changed}`)
    tried += 1
  }
  assert.deepEqual(await verifyWebhook(BODY, { ...headers }, SECRET, { now: NOW }), EVENT)
})

test('what is signed but no event is malformed', async () => {
  const bodies = [
    '',
    'null',
    '[]',
    '"x"',
    '{',
    `\ufeff${BODY}`,
    Buffer.from([0xff, 0xfe]),
    JSON.stringify({ event: 'permissions.updated', data: {} }),
    ...Object.keys(EVENT).map((name) => JSON.stringify({ ...EVENT, [name]: undefined })),
    JSON.stringify({ ...EVENT, id: randomUUID() }),
    JSON.stringify({ ...EVENT, type: '' }),
    JSON.stringify({ ...EVENT, timestamp: 'yesterday' }),
    JSON.stringify({ ...EVENT, data: [] }),
  ]
  for (const body of bodies) {
    const headers = { ...(await signWebhook(body, { id: ID, now: NOW }, SECRET)) }
    assert.equal(await refused(body, headers), 'malformed', String(body))
  }
})

test('an event of a newer server is told as unknown, and only what belongs to an event is', async () => {
  for (const type of ['seat.lost', 'unknown', 'toString', '__proto__']) {
    const body = JSON.stringify({ ...EVENT, type, data: { some: { thing: 1 } }, more: 'fields' })
    const headers = { ...(await signWebhook(body, { id: ID, now: NOW }, SECRET)) }
    const { timestamp } = EVENT
    const told = { id: ID, type: 'unknown', unknownType: type, timestamp, data: { some: { thing: 1 } } }
    assert.deepEqual(await verifyWebhook(body, headers, SECRET, { now: NOW }), told)
  }
})

test('a wrong argument is a TypeError that repeats no secret', async () => {
  const headers = { ...(await signWebhook(BODY, { id: ID, now: NOW }, SECRET)) }
  const options = { now: NOW }
  const canary = randomBytes(24).toString('base64')
  const never = (value: unknown) => value as never // what plain JavaScript may give
  const secrets = [
    '',
    canary,
    `whsek_${canary}`,
    'whsec_',
    `whsec_${canary}!`,
    newSecret(23),
    newSecret(65),
    [],
    [''],
    7,
  ]
  for (const each of [...secrets, null, undefined, [SECRET, canary], Array.from({ length: 11 }, () => SECRET)]) {
    for (const call of [
      verifyWebhook(BODY, headers, never(each), options),
      signWebhook(BODY, { id: ID, now: NOW }, never(each)),
    ]) {
      const error = await call.then(
        () => assert.fail(`took ${each}`),
        (error: unknown) => error,
      )
      assert.ok(error instanceof TypeError && !inspect(error).includes(canary))
    }
  }
  await assert.rejects(verifyWebhook(never(EVENT), headers, SECRET, options), TypeError)
  await assert.rejects(verifyWebhook(BODY, never(undefined), SECRET, options), TypeError)
  await assert.rejects(verifyWebhook(BODY, headers, SECRET, { now: Number.NaN }), TypeError)
  await assert.rejects(verifyWebhook(BODY, headers, SECRET, { ...options, toleranceSeconds: Number.NaN }), TypeError)
  for (const id of ['', 'a.b', 'a b', 'x'.repeat(101)])
    await assert.rejects(signWebhook(BODY, { id }, SECRET), TypeError)
  await assert.rejects(signWebhook(BODY, { id: ID, now: Number.NaN }, SECRET), TypeError)
})

/** Never called: what is checked here is what the compiler says. */
export function typed(event: WebhookEvent): string {
  switch (event.type) {
    case 'permissions.updated':
      // @ts-expect-error rights of one company and one application are whole; there is no way to leave one out
      event.data.permissions.push('create_invoice')
      return event.data.permissions.join()
    case 'user.created':
    case 'user.updated':
      return `${event.data.user.first_name} ${event.data.version}`
    case 'user.deleted':
      // @ts-expect-error nothing of the person is left
      return event.data.user.first_name
    case 'company.updated':
      return String(event.data.company.active)
    case 'license.updated':
      return event.data.license.state
    case 'ping':
      return event.data.application
    // @ts-expect-error mistyped: it can never come
    case 'user.create':
      return ''
    case 'unknown':
      // @ts-expect-error of an event that this package does not know nothing is known
      return `${event.unknownType} ${event.data.user}`
    default:
      // Nothing is left over.
      return event satisfies never
  }
}
