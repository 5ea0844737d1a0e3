import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import { AppError } from '../../errors.ts'
import { findImport, listImports, type StoredImport } from '../../imports/import-store.ts'
import { checkRows, type ImportOptions, importRows, startImport } from '../../imports/users-import.ts'
import { ID, MOMENT, maybe, moment, strict, text } from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { adminRoute } from './route.ts'

const optional = Type.Optional

const MAX_ROWS = 500
/** What is too long for the house is one row's refusal; these bound what is looked at. */
const anyText = (description: string) => Type.String({ maxLength: 2_000, description })

const ROW = Type.Object(
  {
    id: optional(anyText('A UUID, kept; left out, one is made')),
    email: anyText('Brought to its one spelling'),
    password_hash: optional(
      anyText('A password string of Django, bcrypt, argon2 or PBKDF2; nothing, or one that begins with !: no password'),
    ),
    first_name: optional(anyText('150 characters at most')),
    last_name: optional(anyText('150 characters at most')),
    pin: optional(anyText('6 characters at most')),
    active: optional(Type.Boolean()),
    created_at: optional(anyText('A moment with its offset; now by default')),
  },
  strict,
)
export const ROWS = Type.Array(ROW, { minItems: 1, maxItems: MAX_ROWS })
export const PLACE = Type.Integer({ minimum: 0, maximum: 10_000_000 })

export const OPTIONS = Type.Object(
  {
    managed_by: optional(Type.Union([ID, Type.Null()])),
    company: optional(Type.Union([ID, Type.Null()])),
    take_up_deleted: optional(Type.Boolean({ description: 'Gives addresses of deleted users to new ones' })),
  },
  strict,
)

export const IMPORT = Type.Object({
  id: ID,
  kind: Type.Enum(['users']),
  name: Type.String(),
  digest: Type.String(),
  options: Type.Object({ managed_by: maybe(ID), company: maybe(ID), take_up_deleted: Type.Boolean() }),
  total: Type.Integer(),
  done: Type.Integer({ description: 'Rows that are in, there already, or refused: the place of the next one' }),
  created: Type.Integer(),
  existing: Type.Integer(),
  refused: Type.Integer(),
  started_by: Type.String(),
  started_at: MOMENT,
  updated_at: MOMENT,
  finished_at: maybe(MOMENT),
})

export const REPORTS = Type.Array(
  Type.Object({
    row: Type.Integer({ description: 'Its place in the file, from 0' }),
    outcome: Type.Enum(['created', 'existing', 'refused']),
    reason: optional(Type.String({ description: 'Why it was refused, without what is in it' })),
  }),
)

const DESCRIPTION =
  'A user who is there is left as it is, whatever the row says; nobody becomes an operator. A refused row does not keep the others out.'

export function importsRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/imports',
      operation: 'imports.list',
      rule: { noun: 'imports', access: 'read', powers: ['operator', 'support'] },
      summary: 'Lists imports, the newest first',
      query: PAGE,
      answers: { 200: pageOf(IMPORT) },
    },
    async ({ query }) => {
      const paging = readPaging<[string]>(query, 1)
      const found = await listImports(read, { before: paging.after?.[0], limit: paging.limit + 1 })
      return asPage(found, paging.limit, ({ id }) => [id], showImport)
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/imports',
      operation: 'imports.start',
      rule: { noun: 'imports', access: 'write', powers: ['operator'] },
      summary: 'Begins to take in a file of users, or finds it where it ended',
      description: 'The same digest with the same options is the same import until it is finished: go on at `done`.',
      body: Type.Object(
        {
          kind: Type.Enum(['users']),
          name: text('For people: the name of the file', 200),
          digest: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: 'SHA-256 of the file, base64url' }),
          total: Type.Integer({ minimum: 1, maximum: 10_000_000, description: 'How many rows there are' }),
          options: optional(OPTIONS),
        },
        strict,
      ),
      answers: { 201: IMPORT },
      tells: ['location'],
      errors: ['not_found'],
    },
    async ({ by, body, reply }) => {
      const { name, digest, total } = body
      const stored = await startImport(ctx, by, { name, digest, total, options: readOptions(body.options) })
      reply.header('location', `/api/v1/admin/imports/${stored.id}`)
      return showImport(stored)
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/imports/check',
      operation: 'imports.check',
      rule: { noun: 'imports', access: 'write', powers: ['operator'] },
      summary: 'Tells what would become of rows, and stores nothing',
      description: DESCRIPTION,
      body: Type.Object({ from: optional(PLACE), rows: ROWS, options: optional(OPTIONS) }, strict),
      answers: { 200: Type.Object({ rows: REPORTS }) },
      errors: ['not_found'],
    },
    async ({ by, body }) => ({
      rows: await checkRows(ctx, by, { from: body.from ?? 0, rows: body.rows, options: readOptions(body.options) }),
    }),
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/imports/:import',
      operation: 'imports.get',
      rule: { noun: 'imports', access: 'read', powers: ['operator', 'support'] },
      summary: 'Tells how far an import is',
      params: { import: ID },
      answers: { 200: IMPORT },
      errors: ['not_found'],
    },
    async ({ params }) => {
      const stored = await findImport(read, params.import.toLowerCase())
      if (!stored) throw new AppError('not_found', { detail: 'There is no such import.' })
      return showImport(stored)
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/imports/:import/rows',
      operation: 'imports.rows',
      rule: { noun: 'imports', access: 'write', powers: ['operator'] },
      summary: 'Takes in the next rows, all of them or none',
      description: DESCRIPTION,
      params: { import: ID },
      body: Type.Object({ from: PLACE, rows: ROWS }, strict),
      answers: { 200: Type.Object({ import: IMPORT, rows: REPORTS }) },
      errors: ['not_found', 'rows_out_of_order'],
    },
    async ({ by, params, body }) => {
      const { stored, reports } = await importRows(ctx, by, params.import.toLowerCase(), body)
      return { import: showImport(stored), rows: reports }
    },
  )
}

function readOptions(given: Static<typeof OPTIONS> = {}): ImportOptions {
  return {
    managedBy: given.managed_by?.toLowerCase() ?? null,
    companyId: given.company?.toLowerCase() ?? null,
    takesUpDeleted: given.take_up_deleted ?? false,
  }
}

function showImport(stored: StoredImport): Static<typeof IMPORT> {
  const { managedBy, companyId, takesUpDeleted }: ImportOptions = JSON.parse(stored.options)
  return {
    id: stored.id,
    kind: stored.kind,
    name: stored.name,
    digest: stored.digest,
    options: { managed_by: managedBy, company: companyId, take_up_deleted: takesUpDeleted },
    total: stored.total,
    done: stored.done,
    created: stored.created,
    existing: stored.existing,
    refused: stored.refused,
    started_by: stored.started_by,
    started_at: moment(stored.started_at),
    updated_at: moment(stored.updated_at),
    finished_at: stored.finished_at === null ? null : moment(stored.finished_at),
  }
}
