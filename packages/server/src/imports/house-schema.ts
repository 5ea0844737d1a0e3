import { type Static, type TSchema, Type } from 'typebox'
import { DIALECTS } from '../domain/dialect.ts'
import { APPLICATION_ID, MAX_COMPANY_NAME, MAX_PERSON_NAME, MAX_PIN, SLUG, UUID } from '../domain/limits.ts'

// The house file's form. Everything but what names a thing may be left out. tools/write-schema.ts publishes it as JSON Schema.

const strict = { additionalProperties: false }
const optional = Type.Optional

function text(description: string, max: number) {
  return Type.String({ minLength: 1, maxLength: max, pattern: '\\S', description })
}
function maybe<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

const id = Type.String({ pattern: UUID.source.replace(/a-f/g, 'a-fA-F'), description: 'A UUID; made where missing' })
const slug = Type.String({ pattern: SLUG.source, description: 'A permission, such as create_invoice' })
const roleKey = Type.String({ pattern: SLUG.source, description: 'The key of a role of the application' })
const company = text("A company's name or id", MAX_COMPANY_NAME)
const applicationId = Type.String({
  pattern: APPLICATION_ID.source,
  description: 'What clients send as X-LICENSE-MODULE',
})
const moment = Type.String({
  description:
    'A day (2026-12-31; as an end it is the last day included) or a moment with its offset (2026-12-31T18:00:00Z)',
})
const days = Type.Integer({ minimum: 0, maximum: 3650 })

const Company = Type.Object(
  {
    id: optional(id),
    name: optional(text('Its name', MAX_COMPANY_NAME)),
    active: optional(Type.Boolean()),
    allows_impersonation: optional(Type.Boolean({ description: 'Lets its admins act as its people' })),
  },
  strict,
)

const Permission = Type.Object(
  {
    slug,
    name: optional(text('For people', 200)),
    description: optional(Type.String({ maxLength: 2000 })),
    needs: optional(maybe(slug)),
    operator_only: optional(Type.Boolean()),
    deprecated: optional(Type.Boolean()),
  },
  strict,
)

const Role = Type.Object(
  {
    key: roleKey,
    name: optional(text('For people', 200)),
    company: optional(maybe(company)),
    permissions: optional(Type.Array(slug)),
  },
  strict,
)

const Application = Type.Object(
  {
    id: applicationId,
    name: optional(text('For people', 200)),
    dialect: optional(
      Type.Enum([...DIALECTS], {
        description: 'What its clients read: the flat ones are for Python releases before 1.0.0',
      }),
    ),
    exposes_pin: optional(Type.Boolean()),
    secret: optional(
      maybe(
        // It travels in a header, where blanks and other letters would be lost.
        Type.String({ pattern: '^[!-~]{8,200}$', description: 'What the application proves itself with' }),
      ),
    ),
    active: optional(Type.Boolean()),
    token_days: optional(maybe(Type.Integer({ minimum: 1, maximum: 3650 }))),
    token_idle_days: optional(maybe(days)),
    source_networks: optional(
      maybe(
        Type.Array(Type.String({ minLength: 2, maxLength: 50 }), {
          maxItems: 100,
          description: 'Where it may call from: networks such as 10.0.0.0/8, or single addresses. Null: from anywhere.',
        }),
      ),
    ),
    django_url: optional(
      maybe(
        Type.String({
          maxLength: 500,
          description: "Where a Django site has the package's addresses, such as https://site.example/auth",
        }),
      ),
    ),
    impersonation_url: optional(
      maybe(
        Type.String({
          maxLength: 500,
          description:
            "The application's own page that takes an impersonation's one-time token, by a form's field `token`",
        }),
      ),
    ),
    django_before_6_2: optional(
      Type.Boolean({
        description:
          'A Django site with a django-cloudspotlicense before 6.2, which finds the user of an event by the token that it stored last',
      }),
    ),
    permissions: optional(Type.Array(Permission)),
    roles: optional(Type.Array(Role)),
  },
  strict,
)

const License = Type.Object(
  {
    company,
    application: applicationId,
    from: optional(maybe(moment)),
    until: optional(maybe(moment)),
    grace_days: optional(days),
    seats: optional(maybe(Type.Integer({ minimum: 0, maximum: 2_000_000_000 }))),
    permissions: optional(Type.Union([Type.Literal('all'), Type.Array(slug)])),
    roles: optional(Type.Array(roleKey)),
    suspended: optional(Type.Boolean()),
    note: optional(Type.String({ maxLength: 2000 })),
  },
  strict,
)

const Grant = Type.Object(
  {
    application: applicationId,
    permissions: optional(Type.Array(slug)),
    roles: optional(Type.Array(roleKey)),
    starts_at: optional(maybe(moment)),
    ends_at: optional(maybe(moment)),
    reason: optional(Type.String({ maxLength: 500 })),
    seat: optional(Type.Object({ starts_at: optional(maybe(moment)), ends_at: optional(maybe(moment)) }, strict)),
  },
  strict,
)

const Membership = Type.Object(
  {
    company,
    role: optional(Type.Enum(['member', 'admin'])),
    primary: optional(Type.Boolean()),
    active: optional(Type.Boolean()),
    grants: optional(Type.Array(Grant)),
  },
  strict,
)

const User = Type.Object(
  {
    id: optional(id),
    email: Type.String({ minLength: 3, maxLength: 300 }),
    first_name: optional(Type.String({ maxLength: MAX_PERSON_NAME })),
    last_name: optional(Type.String({ maxLength: MAX_PERSON_NAME })),
    pin: optional(maybe(Type.String({ minLength: 1, maxLength: MAX_PIN }))),
    password: optional(Type.String({ description: 'Applies only where the user is new' })),
    password_hash: optional(
      Type.String({
        maxLength: 500,
        description: 'A password string of Django, bcrypt, argon2 or PBKDF2; only where the user is new',
      }),
    ),
    active: optional(Type.Boolean()),
    operator: optional(Type.Boolean()),
    managed_by: optional(maybe(company)),
    companies: optional(Type.Array(Membership)),
  },
  strict,
)

export const HOUSE = Type.Object(
  {
    $schema: optional(Type.String()),
    companies: optional(Type.Array(Company)),
    applications: optional(Type.Array(Application)),
    licenses: optional(Type.Array(License)),
    users: optional(Type.Array(User)),
  },
  { ...strict, $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'House file' },
)

export type HouseFile = Static<typeof HOUSE>
export type CompanyEntry = Static<typeof Company>
export type ApplicationEntry = Static<typeof Application>
export type PermissionEntry = Static<typeof Permission>
export type RoleEntry = Static<typeof Role>
export type LicenseEntry = Static<typeof License>
export type UserEntry = Static<typeof User>
export type MembershipEntry = Static<typeof Membership>
export type GrantEntry = Static<typeof Grant>
