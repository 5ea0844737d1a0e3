import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { writeMoment } from '../domain/day.ts'
import { loadUpstreamStatus, type UpstreamStatus } from '../upstream/status.ts'
import { countMoves, listMoved, listWaiting, type MovedPlace } from '../upstream/upstream-store.ts'
import { requireUser, wholeNumber, wrongUse } from './find.ts'
import { print, withHouse } from './report.ts'
import { table } from './table.ts'

type List = 'moved' | 'waiting'
type Options = { json?: boolean; list?: List; limit: number; after?: string }

export function upstreamCommand(program: Command): void {
  const upstream = program
    .command('upstream')
    .description('The switch-over from another License server (LICENSE_UPSTREAM; docs/switch-over.md).')
  upstream
    .command('status')
    .description('Say who has moved and who has not, what failed lately, and what was not taken over.')
    .option('--list <which>', 'moved (the last one first) or waiting (known here, without a password yet)')
    .option('--limit <number>', 'of a list at most so many', wholeNumber(1, 100_000), 100)
    .option('--after <name>', 'of a list what comes after this user')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ license-server upstream status\n  $ license-server upstream status --list waiting --limit 20 --after anna@acme.example',
    )
    .action(async (options: Options, command: Command) => {
      if (options.list !== undefined && !['moved', 'waiting'].includes(options.list))
        wrongUse(command, '--list takes moved or waiting')
      if (options.after !== undefined && options.list === undefined) wrongUse(command, '--after goes with --list')
      await withHouse((ctx) => (options.list === undefined ? tellStatus(ctx, options) : tellUsers(ctx, options)), {
        isPatient: true,
      })
    })
}

async function tellStatus(ctx: Context, options: Options): Promise<void> {
  const { read } = ctx.db
  const status = await loadUpstreamStatus(read, ctx.now(), await countMoves(read))
  const url = ctx.config.upstream ?? null
  print(options.json, { url, ...status }, () => [
    url === null
      ? 'LICENSE_UPSTREAM is not set: nobody is asked of another server.'
      : `Who has no password here is asked of ${url}.`,
    `Moved: ${status.moved}${status.lastMovedAt === null ? '' : `, the last one on ${writeMoment(status.lastMovedAt, ctx.config.timeZone)}`}.`,
    `Known here, without a password yet: ${status.waiting}. Who is not known here at all can not be counted.`,
    `In the last seven days the old server refused ${status.refused} and failed ${status.failed} times.`,
    ...failuresOf(ctx, status),
    ...leftOutOf(ctx, status),
  ])
}

function failuresOf(ctx: Context, { failures }: UpstreamStatus): string[] {
  if (failures.length === 0) return []
  const rows = failures.map((each) => [each.reason, each.application, String(each.times), momentOf(ctx, each.lastAt)])
  return ['', ...table(['FAILED', 'APPLICATION', 'TIMES', 'LAST'], rows)]
}

function leftOutOf(ctx: Context, { leftOut }: UpstreamStatus): string[] {
  if (leftOut.length === 0) return []
  const rows = leftOut.map((each) => [
    each.why,
    each.what,
    each.application,
    String(each.times),
    momentOf(ctx, each.lastAt),
  ])
  const told = 'Not taken over (docs/switch-over.md says what to do):'
  return ['', told, ...table(['WHY', 'WHAT', 'APPLICATION', 'TIMES', 'LAST'], rows)]
}

function momentOf(ctx: Context, at: number): string {
  return writeMoment(at, ctx.config.timeZone)
}

async function tellUsers(ctx: Context, options: Options): Promise<void> {
  const { limit } = options
  const { read } = ctx.db
  if (options.list === 'waiting') {
    const waiting = await listWaiting(read, { after: options.after, limit })
    return print(options.json, waiting, () => [
      ...(waiting.length === 0 ? ['Everybody who is known here has a password.'] : []),
      ...(waiting.length === 0
        ? []
        : table(
            ['EMAIL', ''],
            waiting.map((each) => [each.email, each.isActive ? '' : '(switched off)']),
          )),
      ...moreOf(waiting, limit),
    ])
  }
  const moved = await listMoved(read, { after: await placeAfter(ctx, options.after), limit })
  print(options.json, moved, () => {
    if (moved.length === 0) return ['Nobody has moved.']
    const rows = moved.map((each) => [each.email, momentOf(ctx, each.movedAt), each.movedBy ?? ''])
    return [...table(['EMAIL', 'MOVED', 'BY'], rows), ...moreOf(moved, limit)]
  })
}

function moreOf(shown: readonly { email: string }[], limit: number): string[] {
  const last = shown.at(-1)
  return last && shown.length === limit ? [`There may be more: --after ${last.email}`] : []
}

async function placeAfter(ctx: Context, typed: string | undefined): Promise<MovedPlace | undefined> {
  if (typed === undefined) return undefined
  const { id } = await requireUser(ctx, typed)
  const row = await ctx.db.read.selectFrom('users').select('moved_at').where('id', '=', id).executeTakeFirst()
  return { movedAt: row?.moved_at ?? 0, id }
}
