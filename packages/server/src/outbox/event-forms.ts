import { type TObject, type TProperties, type TSchema, Type } from 'typebox'
import { UUID } from '../domain/limits.ts'

// What goes out to applications, one form a type. tools/write-schema.ts publishes them as JSON Schema (schema/events/), and the
// client's types are held against them (tests/outbox/event-forms.test.ts). Receivers ignore what they don't know, so that a form may grow; no
// field is ever taken away or changed.

const ID = Type.String({ pattern: UUID.source.replace(/a-f/g, 'a-fA-F'), description: 'A UUID' })
const MOMENT = Type.String({ format: 'date-time', description: 'In UTC (RFC 3339)' })
const APPLICATION = Type.String({ description: "The application's id" })
const SLUGS = Type.Array(Type.String())
const COMPANY = { id: ID, name: Type.String() }
const USER = { id: ID, email: Type.String() }
const PERSON = Type.Object({ ...USER, first_name: Type.String(), last_name: Type.String(), active: Type.Boolean() })
const VERSION = Type.Integer({
  minimum: 1,
  description: 'Grows with each change of what the event is about: a smaller one than was seen is older news',
})

function maybe<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

function eventOf<Name extends string, Data extends TProperties>(type: Name, description: string, data: TObject<Data>) {
  return Type.Object(
    {
      id: Type.String({ pattern: '^[A-Za-z0-9_-]{1,100}$', description: 'The same when it is sent again' }),
      type: Type.Literal(type),
      timestamp: MOMENT,
      data,
    },
    { title: type, description },
  )
}

export const EVENT_FORMS = {
  'permissions.updated': eventOf(
    'permissions.updated',
    'What a user may do for one company in one application, whole',
    Type.Object({
      user: Type.Object(USER),
      company: Type.Object(COMPANY),
      application: APPLICATION,
      permissions: Type.Array(Type.String(), { description: 'Empty: the user may no longer come in for this company' }),
      added: SLUGS,
      removed: SLUGS,
      version: VERSION,
    }),
  ),
  'user.created': eventOf('user.created', 'A user is there', Type.Object({ user: PERSON, version: VERSION })),
  'user.updated': eventOf('user.updated', 'A user as it is now', Type.Object({ user: PERSON, version: VERSION })),
  'user.deleted': eventOf(
    'user.deleted',
    'A user is gone for good; the address is the last one',
    Type.Object({ user: Type.Object(USER), version: VERSION }),
  ),
  'company.updated': eventOf(
    'company.updated',
    'A company as it is now',
    Type.Object({ company: Type.Object({ ...COMPANY, active: Type.Boolean() }), version: VERSION }),
  ),
  'license.updated': eventOf(
    'license.updated',
    'What a company bought of an application, as it is now',
    Type.Object({
      company: Type.Object(COMPANY),
      application: APPLICATION,
      license: Type.Object({
        state: Type.Enum(['scheduled', 'in_force', 'in_grace', 'ended'], {
          description: 'By the dates, when the event was made',
        }),
        suspended: Type.Boolean(),
        from: maybe(MOMENT),
        until: maybe(MOMENT),
        grace_days: Type.Integer({ minimum: 0 }),
        seats: maybe(Type.Integer({ minimum: 0, description: 'Null: unlimited' })),
      }),
      version: VERSION,
    }),
  ),
  ping: eventOf('ping', 'Somebody tries the address', Type.Object({ application: APPLICATION })),
} as const satisfies Record<string, TSchema>

export type EventType = keyof typeof EVENT_FORMS
