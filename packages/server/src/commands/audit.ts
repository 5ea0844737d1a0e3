import { type Command, InvalidArgumentError } from 'commander'
import { type Anchor, lastSealed, sealAll } from '../audit/chain.ts'
import { verifyChain } from '../audit/verify.ts'
import type { Context } from '../context.ts'
import { print, withHouse } from './report.ts'

type Options = { json?: boolean }

export function auditCommand(program: Command): void {
  const audit = program.command('audit').description('The chain of what was done: check it, anchor it.')
  audit
    .command('verify')
    .description('Go through the whole chain and name the first link that does not hold. Changes nothing.')
    .option('--anchor <seq:mac...>', 'what `audit anchor` printed, kept elsewhere: it must be in the chain', readAnchor)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ license-server audit verify --anchor 1204:1Yk…\nThe exit code is 1 when a link is broken.',
    )
    .action((options: Options & { anchor?: Anchor[] }) => withHouse((ctx) => verify(ctx, options)))
  audit
    .command('anchor')
    .description(
      'Seal what was written and print the end of the chain. Kept elsewhere, it shows later that nothing before it was changed.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server audit anchor >> /elsewhere/anchors')
    .action((options: Options) => withHouse((ctx) => anchor(ctx, options)))
}

function readAnchor(typed: string, before: Anchor[] = []): Anchor[] {
  const [, seq = '', mac = ''] = /^(\d{1,15}):([A-Za-z0-9_-]{43})$/.exec(typed) ?? []
  if (mac === '') throw new InvalidArgumentError('It must be as `audit anchor` prints it: 1204:1Yk….')
  return [...before, { seq: Number(seq), mac }]
}

async function verify(ctx: Context, options: Options & { anchor?: Anchor[] }): Promise<void> {
  const { entries, last, unsealed, outdated, broken } = await verifyChain(ctx.db.read, ctx.keys, options.anchor)
  if (broken) process.exitCode = 1
  print(options.json, { ok: broken === null, entries, last: last.seq, unsealed, outdated, broken }, () => {
    const waiting =
      unsealed === 0 ? [] : [`${unsealed} written since then wait to be sealed; the server does that within seconds.`]
    if (outdated > 0)
      waiting.push(
        `${outdated} of the anchors are of what was cleared away since: nothing is left to compare them with.`,
      )
    if (broken)
      return [
        `The chain is broken at entry ${broken.seq}${broken.id === null ? '' : ` (${broken.id})`}: ${broken.says}.`,
        `The ${entries} before it are as they were written.`,
      ]
    return [`The chain holds: ${entries} ${entries === 1 ? 'entry is' : 'entries are'} as written.`, ...waiting]
  })
}

async function anchor(ctx: Context, options: Options): Promise<void> {
  await sealAll(ctx.db, ctx.keys)
  const { seq, mac } = await lastSealed(ctx.db.read)
  print(options.json, { seq, mac }, () => [seq === 0 ? 'There is nothing to anchor yet.' : `${seq}:${mac}`])
}
