import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { ACTS } from '../../audit/entry.ts'
import { type AuditFilter, auditState, type EntryPlace, listEntries, type ReadEntry } from '../../audit/read.ts'
import type { Context } from '../../context.ts'
import { requireCompany } from '../../directory/visible.ts'
import { readMoment } from '../../domain/day.ts'
import { UUID } from '../../domain/limits.ts'
import type { Power } from '../../domain/power.ts'
import { wrong } from '../../errors.ts'
import { ID, MOMENT, maybe, moment, queryText } from './forms.ts'
import { asPage, PAGE, pageOf, readPaging } from './paging.ts'
import { adminRoute } from './route.ts'

const optional = Type.Optional

export const ENTRY = Type.Object({
  id: ID,
  at: MOMENT,
  act: Type.String(),
  actor: Type.Object({ kind: Type.String(), id: Type.String(), behind: maybe(Type.String()) }),
  target: Type.Object({ kind: Type.String(), id: Type.String() }),
  company: maybe(Type.String()),
  application: maybe(Type.String()),
  request_id: maybe(Type.String()),
  source: maybe(Type.String({ description: 'The address that it came from; null where it was erased' })),
  data: Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true }),
  personal: maybe(
    Type.Unsafe<Record<string, unknown>>({
      type: 'object',
      additionalProperties: true,
      description: 'Null where there is none, or where it was erased',
    }),
  ),
  seq: maybe(Type.Integer({ description: 'The place in the chain; null until it is sealed, seconds later' })),
})

/** What the list and the export can be limited to. */
export const FILTERS = {
  company: optional(ID),
  actor: optional(queryText(100, 'The id of a key or a user')),
  target: optional(queryText(100, 'The id of what it was done to')),
  act: optional(Type.Enum([...ACTS])),
  from: optional(Type.String({ maxLength: 40, description: 'A day or a moment with its offset' })),
  until: optional(Type.String({ maxLength: 40, description: 'The last day included, or a moment with its offset' })),
}

export const STATE = Type.Object({
  retention_days: maybe(Type.Integer({ description: 'LICENSE_AUDIT_DAYS; null: kept for good' })),
  oldest_at: maybe(MOMENT),
  unsealed: Type.Integer({ description: 'Not in the chain yet; counted up to a thousand' }),
  end: maybe(
    Type.Object({
      seq: Type.Integer(),
      at: MOMENT,
      anchor: Type.String({ description: 'Kept elsewhere, `audit verify --anchor` shows whether the end was cut off' }),
    }),
  ),
})

export function auditRoutes(app: FastifyInstance, ctx: Context): void {
  adminRoute(
    app,
    {
      method: 'GET',
      url: '/audit',
      operation: 'audit.list',
      rule: { noun: 'audit', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Lists what was done, the newest first',
      description: 'A company is told of what was done in it, without what is personal.',
      query: { ...PAGE, ...FILTERS },
      answers: { 200: pageOf(ENTRY) },
      errors: ['not_found'],
    },
    async ({ by, query }) => {
      const { power } = by.actor
      const paging = readPaging<[string, string]>(query, 2)
      const found = await listEntries(ctx.db.read, {
        ...(await readFilter(ctx, power, query)),
        after: paging.after && readPlace(paging.after),
        limit: paging.limit + 1,
      })
      return asPage(
        found,
        paging.limit,
        (entry) => [String(entry.at), entry.id],
        (entry) => showEntry(entry, power.kind !== 'company'),
      )
    },
  )

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/audit/state',
      operation: 'audit.state',
      rule: { noun: 'audit', access: 'read', powers: ['operator', 'support'] },
      summary: 'Tells how long entries are kept, and where the chain ends',
      answers: { 200: STATE },
    },
    async () => {
      const { oldest, unsealed, end } = await auditState(ctx.db.read)
      return {
        retention_days: ctx.config.auditDays === 0 ? null : ctx.config.auditDays,
        oldest_at: oldest === null ? null : moment(oldest),
        unsealed,
        end: end && { seq: end.seq, at: moment(end.at), anchor: `${end.seq}:${end.mac}` },
      } satisfies Static<typeof STATE>
    },
  )
}

type Asked = { [name in keyof typeof FILTERS]?: string | undefined }

/** A company is told of its own only. @throws AppError `invalid_input`, `not_found` */
export async function readFilter(ctx: Context, power: Power, asked: Asked): Promise<AuditFilter> {
  if (asked.company !== undefined) await requireCompany(ctx.db.read, power, asked.company)
  return {
    companyId: power.kind === 'company' ? power.companyId : asked.company?.toLowerCase(),
    actor: sameCase(asked.actor),
    target: sameCase(asked.target),
    act: asked.act,
    from: readTime(ctx, 'from', asked.from, 'start'),
    until: readTime(ctx, 'until', asked.until, 'end'),
  }
}

function readPlace([at, id]: readonly [string, string]): EntryPlace {
  if (/^-?\d{1,15}$/.test(at)) return { at: Number(at), id }
  throw wrong('/query/cursor', 'is no cursor of this list: begin without one, and take `next_cursor`')
}

/** UUIDs are kept in lower case; other ids are as they are. */
function sameCase(id: string | undefined): string | undefined {
  return id !== undefined && UUID.test(id) ? id.toLowerCase() : id
}

function readTime(ctx: Context, name: string, given: string | undefined, as: 'start' | 'end'): number | undefined {
  if (given === undefined) return undefined
  const at = readMoment(given, ctx.config.timeZone, as)
  if (at === undefined) throw wrong(`/query/${name}`, 'is no day and no moment with an offset')
  return at
}

export function showEntry(entry: ReadEntry, tellsPersonal: boolean): Static<typeof ENTRY> {
  return {
    id: entry.id,
    at: moment(entry.at),
    act: entry.act,
    actor: { kind: entry.actor_kind, id: entry.actor_id, behind: entry.behind_id },
    target: { kind: entry.target_kind, id: entry.target_id },
    company: entry.company_id,
    application: entry.application_id,
    request_id: entry.request_id,
    source: tellsPersonal && entry.source !== null ? JSON.parse(entry.source).source : null,
    data: JSON.parse(entry.data),
    personal: tellsPersonal && entry.personal !== null ? JSON.parse(entry.personal) : null,
    seq: entry.seq,
  }
}
