import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { type KnownEventType, signWebhook, verifyWebhook, type WebhookEvent } from 'cloudspot-license-api/webhooks'
import type { Static } from 'typebox'
import { eventSchemaFolder, eventSchemas } from '../../../../tools/write-schema.ts'
import type { EVENT_FORMS, EventType } from '../../src/outbox/event-forms.ts'

type Plain<T> = T extends readonly (infer E)[]
  ? Plain<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Plain<T[K]> }
    : T

type OfServer = { [T in EventType]: Plain<Static<(typeof EVENT_FORMS)[T]>> }
type OfClient = { [T in KnownEventType]: Plain<Extract<WebhookEvent, { type: T }>> }

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2
    ? (<T>() => T extends B ? 1 : 2) extends <T>() => T extends A ? 1 : 2
      ? true
      : false
    : false

/** The types of events where client and server differ, or that one of them lacks. */
type Different =
  | Exclude<EventType, KnownEventType>
  | Exclude<KnownEventType, EventType>
  | { [T in EventType & KnownEventType]: Same<OfServer[T], OfClient[T]> extends true ? never : T }[EventType &
      KnownEventType]

/** The compiler names the event that is wrong. */
const agreed: { [T in Different]: 'the client has another form' } = {}

/** That the comparison sees what it should. */
export const told = {
  same: true satisfies Same<Plain<{ readonly a: readonly { b: string }[] }>, Plain<{ a: { readonly b: string }[] }>>,
  // @ts-expect-error one may be null
  nullable: true satisfies Same<Plain<{ a: { b: string | null } }>, Plain<{ a: { b: string } }>>,
  // @ts-expect-error one may be left out
  optional: true satisfies Same<Plain<{ a: { b?: string } }>, Plain<{ a: { b: string } }>>,
  // @ts-expect-error one has more
  more: true satisfies Same<Plain<{ a: { b: string; c: string } }>, Plain<{ a: { b: string } }>>,
}

const id = '0199c0de-0000-7000-8000-000000000001'
const timestamp = '2026-11-26T12:00:00.000Z'
const user = { id, email: 'anna@acme.test' }
const person = { ...user, first_name: 'Anna', last_name: 'Ames', active: true }
const company = { id, name: 'ACME' }
const license = {
  state: 'in_force' as const,
  suspended: false,
  from: '2026-01-01T00:00:00.000Z',
  until: null,
  grace_days: 14,
  seats: null,
}

const DATA: { [T in EventType]: OfServer[T]['data'] } = {
  'permissions.updated': {
    user,
    company,
    application: 'crm',
    permissions: ['list_invoices', 'use_app'],
    added: ['list_invoices'],
    removed: [],
    version: 3,
  },
  'user.created': { user: person, version: 1 },
  'user.updated': { user: { ...person, active: false }, version: 2 },
  'user.deleted': { user, version: 3 },
  'company.updated': { company: { ...company, active: true }, version: 2 },
  'license.updated': { company, application: 'crm', license, version: 9 },
  ping: { application: 'crm' },
}

test('the published schemas are the forms; `node tools/run.mjs tools/write-schema.ts` writes them', () => {
  assert.deepEqual(agreed, {})
  const published = readdirSync(eventSchemaFolder).map((name) => [
    name,
    JSON.parse(readFileSync(join(eventSchemaFolder, name), 'utf8')),
  ])
  assert.deepEqual(Object.fromEntries(published), eventSchemas())
  assert.equal(published.length, Object.keys(DATA).length)
})

test('an event of each type fits its own schema and no other, and the client reads it as that type', async () => {
  const ajv = new Ajv2020({ validateFormats: false })
  const schemas = Object.entries(eventSchemas()).map(([name, schema]) => ({ name, fits: ajv.compile(schema) }))
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  for (const [type, data] of Object.entries(DATA)) {
    const event = { id, type, timestamp, data }
    const fitting = schemas.filter(({ fits }) => fits(event)).map(({ name }) => name)
    assert.deepEqual(fitting, [`${type}.schema.json`])
    // Nothing of what it tells may be missing.
    for (const name of Object.keys(data)) {
      const without = { ...event, data: { ...data, [name]: undefined } }
      assert.ok(!schemas.some(({ fits }) => fits(JSON.parse(JSON.stringify(without)))), `${type} without ${name}`)
    }
    const body = JSON.stringify(event)
    const headers = await signWebhook(body, { id }, secret)
    assert.deepEqual(await verifyWebhook(body, { ...headers }, secret), event)
  }
})
