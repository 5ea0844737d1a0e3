import { type Static, Type } from 'typebox'
import { APPLICATION_ID, SLUG } from '../../domain/limits.ts'
import { CHANGE_KINDS, REFUSAL_REASONS } from '../../domain/manifest.ts'
import { maybe, PERMISSION, ROLE_KEY, strict, TEXT, text } from './forms.ts'

// The manifest's form. tools/write-schema.ts publishes it as JSON Schema; docs/manifest.md tells of it.

const optional = Type.Optional

const NAME = text('For people; the slug or the key where it is left out', 200)

const MANIFEST_PERMISSION = Type.Object(
  {
    slug: PERMISSION,
    name: optional(NAME),
    description: optional(Type.String({ maxLength: 2_000, pattern: TEXT })),
    needs: optional(
      maybe(Type.String({ pattern: SLUG.source, description: 'What comes with it: another slug; null: only use_app' })),
    ),
    operator_only: optional(
      Type.Boolean({ description: 'Only operators may give it, and whatever needs it. False where it is left out' }),
    ),
    deprecated: optional(
      Type.Boolean({ description: 'Still effective and still given, but shown as going. False where it is left out' }),
    ),
    renamed_from: optional(
      Type.String({ pattern: SLUG.source, description: 'Its slug so far: whoever has that has this' }),
    ),
  },
  strict,
)

const MANIFEST_ROLE = Type.Object(
  {
    key: ROLE_KEY,
    name: optional(NAME),
    permissions: Type.Array(PERMISSION, { maxItems: 5_000 }),
    renamed_from: optional(
      Type.String({ pattern: SLUG.source, description: 'Its key so far: whoever has that has this' }),
    ),
  },
  strict,
)

/** An application's tree and its own roles as one document. What it does not name is removed. */
export const MANIFEST = Type.Object(
  {
    $schema: optional(Type.String({ maxLength: 500 })),
    application: optional(
      Type.String({ pattern: APPLICATION_ID.source, description: 'Whose it is; checked against the address' }),
    ),
    permissions: Type.Array(MANIFEST_PERMISSION, { maxItems: 10_000 }),
    roles: optional(
      Type.Array(MANIFEST_ROLE, {
        maxItems: 2_000,
        description: "The application's own roles; left out, they stay as they are. A company's are never in it",
      }),
    ),
  },
  { ...strict, title: 'Permission manifest' },
)

/** What is planned and what is applied. */
export const WANTED_MANIFEST = Type.Object(
  {
    manifest: MANIFEST,
    allow_removals: optional(Type.Boolean({ description: 'Also removes what is in use. For operators' })),
  },
  strict,
)

const COUNT = Type.Integer({ minimum: 0 })
const SLUGS = Type.Array(Type.String())

const CHANGE = Type.Object({
  change: Type.Enum([...CHANGE_KINDS]),
  permission: optional(Type.String()),
  role: optional(Type.String()),
  company: optional(Type.String({ description: "Whose the role is, where it is a company's" })),
  from: optional(maybe(Type.String({ description: 'Of a renaming or a move; null: it needed only use_app' }))),
  to: optional(maybe(Type.String({ description: 'Of a renaming or a move; null: it needs only use_app' }))),
  fields: optional(Type.Array(Type.Enum(['name', 'description']))),
  added: optional(SLUGS),
  removed: optional(SLUGS),
  uses: optional(
    Type.Object(
      { grants: COUNT, roles: COUNT, licenses: COUNT },
      { description: 'Of what is removed: grants that stand, roles of the application and of companies, licenses' },
    ),
  ),
})

// Names are for those who may read users and licenses: an application's key is told the ids.
const COMPANY = Type.Object({ id: Type.String(), name: optional(Type.String()) })
const USER = Type.Object({
  id: Type.String(),
  email: optional(Type.String()),
  first_name: optional(Type.String()),
  last_name: optional(Type.String()),
})
const PERSON = Type.Object({ user: USER, company: COMPANY, permissions: SLUGS })

export const PLAN = Type.Object({
  application: Type.String(),
  etag: Type.String({ description: 'What `PUT` takes as `If-Match`' }),
  changes: Type.Array(CHANGE),
  loses: Type.Array(PERSON, { description: 'By company and address; the first thousand' }),
  gains: Type.Array(PERSON, { description: 'By company and address; the first thousand' }),
  people: Type.Object({
    loses: Type.Integer({ minimum: 0, description: 'How many in all, each in each company' }),
    gains: Type.Integer({ minimum: 0, description: 'How many in all, each in each company' }),
    not_looked_at: Type.Integer({
      minimum: 0,
      description: 'Seats beyond those that one plan looks at: `loses` and `gains` may be more by as many',
    }),
  }),
  licenses_without: Type.Array(Type.Object({ company: COMPANY, permissions: SLUGS }), {
    description: 'Licenses with a list of their own that leave a new permission out; the first thousand',
  }),
  licenses_without_total: COUNT,
  refused: Type.Array(
    Type.Object({
      because: Type.Enum([...REFUSAL_REASONS]),
      permission: optional(Type.String()),
      role: optional(Type.String()),
      message: Type.String(),
    }),
    { description: 'Why it can not be applied like this; empty where it can' },
  ),
})

export type ManifestBody = Static<typeof MANIFEST>
export type WantedBody = Static<typeof WANTED_MANIFEST>
export type PlanAnswer = Static<typeof PLAN>
