// The example's middleware in front of the published Django package: what it lets through, and what would come in without it.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type SignedHeaders, signWebhook } from 'cloudspot-license-api/webhooks'
import { acme, emailOf, globex, PASSWORD } from './django-house.ts'
import { testReleases } from './django-places.ts'
import type { Site } from './django-site.ts'

const MINUTE = 60_000
const secret = () => `whsec_${randomBytes(32).toString('base64')}`
const [ours, before, foreign] = [secret(), secret(), secret()]

type Attempt = { body?: string; headers?: Partial<SignedHeaders> | Record<string, string> }

testReleases(
  'a Django site with the middleware takes signed events alone',
  async (_t, { release, start }) => {
    // Two, as while one replaces the other.
    await using site = await start(`${ours} ${before}`)
    const anna = emailOf('anna', release)
    const visitor = site.visitor()
    await visitor.enter(anna, PASSWORD, globex.id)
    const unchanged = await site.stored()
    assert.deepEqual(unchanged[anna]?.permissions, ['list_invoices', 'use_app'])
    const body = rights(unchanged[anna]?.token ?? '', anna, ['create_invoice', 'use_app'])
    const now = Date.now()
    const sign = (secrets: string | string[], at = now) => signWebhook(body, { id: 'event-1', now: at }, secrets)
    const good = await sign(ours)

    const refused: Record<string, Attempt> = {
      'no headers at all': {},
      'no signature': { headers: without(good, 'webhook-signature') },
      'no id': { headers: without(good, 'webhook-id') },
      'no time': { headers: without(good, 'webhook-timestamp') },
      'an empty signature': { headers: { ...good, 'webhook-signature': '' } },
      'an empty one of v1': { headers: { ...good, 'webhook-signature': 'v1,' } },
      'the right one of another version': {
        headers: { ...good, 'webhook-signature': good['webhook-signature'].replace('v1,', 'v1a,') },
      },
      'what is no base64': { headers: { ...good, 'webhook-signature': 'v1,ÿ' } },
      'a foreign secret': { headers: await sign(foreign) },
      'another body': { headers: good, body: body.replace('use_app', 'is_superuser') },
      'a blank more': { headers: good, body: `${body} ` },
      'another id': { headers: { ...good, 'webhook-id': 'event-2' } },
      'another time': { headers: { ...good, 'webhook-timestamp': String(Number(good['webhook-timestamp']) + 1) } },
      'six minutes ago': { headers: await sign(ours, now - 6 * MINUTE) },
      'in six minutes': { headers: await sign(ours, now + 6 * MINUTE) },
      'a time that is none': { headers: { ...good, 'webhook-timestamp': 'now' } },
      'a time of other digits': { headers: { ...good, 'webhook-timestamp': '²' } },
      'an endless time': { headers: { ...good, 'webhook-timestamp': '9'.repeat(5_000) } },
    }
    for (const [what, attempt] of Object.entries(refused)) {
      const answer = await send(site, { body, ...attempt })
      assert.deepEqual([what, answer.status], [what, 403])
      assert.equal(answer.body.status, 'FORBIDDEN')
    }
    assert.deepEqual(await site.stored(), unchanged)
    // The rest of the package's addresses, and the rest of the site, are as without it.
    assert.equal((await visitor.open('/auth/select-company')).status, 200)

    const allowed: Record<string, SignedHeaders> = {
      'four minutes ago': await sign(ours, now - 4 * MINUTE),
      'in four minutes': await sign(ours, now + 4 * MINUTE),
      'the other secret': await sign(before),
      'several signatures, one of them right': await sign([foreign, ours]),
      'of now': good,
      'the same again': good,
    }
    // None of them is about the company that she works for, so that each release takes it as often as it is sent.
    for (const [what, headers] of Object.entries(allowed)) {
      const answer = await send(site, { body, headers })
      assert.deepEqual([what, answer.status, answer.body.status], [what, 200, 'OBJECT_UPDATED'])
    }
    assert.deepEqual((await site.stored())[anna]?.companies, [acme.name])
    assert.deepEqual(site.complaints(), [])
  },
  ['sqlite'],
)

testReleases(
  'a Django site with the package alone takes what anybody sends',
  async (_t, { release, row, start }) => {
    await using site = await start()
    const anna = emailOf('anna', release)
    const visitor = site.visitor()
    await visitor.enter(anna, PASSWORD, acme.id)
    // Before 6.2 whoever forges must know the token.
    const token = row['finds by'] === 'token' ? ((await site.stored())[anna]?.token ?? '') : ''
    const answer = await send(site, { body: rights(token, anna, ['create_invoice', 'use_app'], globex.id) })
    assert.deepEqual([answer.status, answer.body.status], [200, 'OBJECT_UPDATED'])
    assert.deepEqual((await site.stored())[anna]?.companies, [acme.name])
  },
  ['sqlite'],
)

/** An event for ACME; afterwards it is the only company that the user is told to have. */
function rights(token: string, username: string, permissions: string[], companyId = acme.id): string {
  const available = [{ company_id: acme.id, company_name: acme.name }]
  const data = { username, token, permissions, company_id: companyId, available_companies: available }
  return JSON.stringify({ event: 'permissions.updated', data })
}

async function send({ base }: Site, { body = '', headers = {} }: Attempt) {
  const response = await fetch(`${base}/webhook`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
  const text = await response.text()
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
}

function without(headers: SignedHeaders, name: keyof SignedHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([each]) => each !== name))
}
