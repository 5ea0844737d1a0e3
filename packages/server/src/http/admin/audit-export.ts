import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { type AuditFilter, listEntries, type ReadEntry } from '../../audit/read.ts'
import type { Context } from '../../context.ts'
import { csvJson, csvRow } from '../../domain/csv.ts'
import { AppError } from '../../errors.ts'
import { FILTERS, readFilter, showEntry } from './audit.ts'
import { moment } from './forms.ts'
import { adminRoute } from './route.ts'
import { sendPieces } from './streaming.ts'

/** Entries of one statement, and of one piece of the answer. */
const PIECE = 500
/** Each keeps a connection, and the database busy. */
const AT_ONCE = 4

const CSV = 'text/csv'
const NDJSON = 'application/x-ndjson'

const COLUMNS = [
  ['id', (entry) => entry.id],
  ['at', (entry) => moment(entry.at)],
  ['act', (entry) => entry.act],
  ['actor_kind', (entry) => entry.actor_kind],
  ['actor_id', (entry) => entry.actor_id],
  ['behind', (entry) => entry.behind_id],
  ['target_kind', (entry) => entry.target_kind],
  ['target_id', (entry) => entry.target_id],
  ['company', (entry) => entry.company_id],
  ['application', (entry) => entry.application_id],
  ['request_id', (entry) => entry.request_id],
  ['seq', (entry) => entry.seq],
  ['data', (entry) => csvJson(entry.data)],
  ['source', (entry) => entry.source && JSON.parse(entry.source).source],
  ['personal', (entry) => entry.personal && csvJson(entry.personal)],
] as const satisfies readonly (readonly [string, (entry: ReadEntry) => string | number | null])[]

type Form = { begin: string; line(entry: ReadEntry): string; end(entries: number): string }

/** Both end with a line that says so, since a proxy may turn a cut connection into a whole answer. */
function formOf(type: typeof CSV | typeof NDJSON, tellsPersonal: boolean): Form {
  if (type === NDJSON)
    return {
      begin: '',
      line: (entry) => `${JSON.stringify(showEntry(entry, tellsPersonal))}\n`,
      end: (entries) => `${JSON.stringify({ end: true, entries })}\n`,
    }
  const columns = tellsPersonal ? COLUMNS : COLUMNS.filter(([name]) => name !== 'source' && name !== 'personal')
  const blank = columns.slice(2).map(() => null)
  return {
    begin: csvRow(columns.map(([name]) => name)),
    line: (entry) => csvRow(columns.map(([, read]) => read(entry))),
    end: (entries) => csvRow(['end', `${entries} entries`, ...blank]),
  }
}

export function auditExportRoutes(app: FastifyInstance, ctx: Context): void {
  let underWay = 0

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/audit/export',
      operation: 'audit.export',
      rule: { noun: 'audit', access: 'read', powers: ['operator', 'support', 'company'] },
      summary: 'Streams what was done, the newest first: all that the list would tell',
      description:
        'The last line says that it is the last, and how many entries came before; without it the answer was cut off. What is done meanwhile is not in it.',
      query: {
        ...FILTERS,
        format: Type.Enum(['csv', 'ndjson'], { description: 'ndjson: a line is an entry as the list tells it' }),
      },
      answers: {
        200: {
          description: 'CSV of RFC 4180 with a row of names, or a JSON object a line',
          content: { [CSV]: { schema: Type.String() }, [NDJSON]: { schema: Type.String() } },
        },
      },
      errors: ['not_found'],
    },
    async ({ by, query, reply }) => {
      const { power } = by.actor
      const filter = await readFilter(ctx, power, query)
      if (underWay >= AT_ONCE)
        throw new AppError('busy', { detail: 'Other exports are under way. Try again in a moment.', retryAfter: 5 })
      underWay++
      try {
        const type = query.format === 'csv' ? CSV : NDJSON
        const headers = {
          'content-type': `${type}; charset=utf-8${type === CSV ? '; header=present' : ''}`,
          'content-disposition': `attachment; filename="audit.${query.format}"`,
        }
        return await sendPieces(ctx, reply, headers, pieces(ctx, filter, formOf(type, power.kind !== 'company')))
      } finally {
        underWay--
      }
    },
  )
}

async function* pieces(ctx: Context, filter: AuditFilter, { begin, line, end }: Form): AsyncGenerator<string, void> {
  let text = begin
  let entries = 0
  for (let after: { at: number; id: string } | undefined; ; ) {
    const found = await listEntries(ctx.db.read, { ...filter, after, limit: PIECE })
    entries += found.length
    text += found.map(line).join('')
    after = found.length < PIECE ? undefined : found.at(-1)
    if (!after) break
    yield text
    text = ''
    // On SQLite a statement never waits: others must have their turn.
    await setImmediate()
  }
  yield text + end(entries)
}
