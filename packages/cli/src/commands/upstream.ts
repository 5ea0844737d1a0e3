import type { UpstreamStatus } from 'cloudspot-license-api/admin'
import type { Command } from 'commander'
import { Option } from 'commander'
import { examples, noun, onHouse } from '../command.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import type { Out } from '../output/out.ts'
import { record } from '../output/table.ts'
import { showMoment } from '../output/when.ts'

export function upstreamCommand(program: Command): void {
  const upstream = noun(program, 'upstream', 'The switch-over from another License server: status, list.')

  const status = upstream
    .command('status')
    .description('Tell who has moved and who has not, what failed lately, and what was not taken over.')
    .action(
      onHouse(async ({ admin, out }) => {
        const found = await admin.upstream.status()
        if (out.isJson) return out.answer(found, () => [])
        showStatus(out, found)
      }),
    )
  examples(status, ['cloudspot-license upstream status'])

  const list = limited(
    upstream
      .command('list')
      .addOption(
        new Option('--state <state>', 'who has moved, or who is known and has no password yet')
          .choices(['moved', 'waiting'])
          .default('waiting'),
      )
      .description('List who has moved, the last one first, or who has not yet.'),
  ).action(
    onHouse<[], ListOptions & { state: 'moved' | 'waiting' }>(async ({ admin, out }, _, options) => {
      await printList(out, admin.upstream.users({ state: options.state }), options, {
        columns: [{ heading: 'EMAIL' }, { heading: 'MOVED', whole: true }, { heading: 'BY', whole: true }],
        row: (each) => [each.email, showMoment(each.moved_at), each.application ?? ''],
        none: options.state === 'moved' ? 'Nobody has moved.' : 'Everybody who is known there has a password.',
      })
    }),
  )
  examples(list, [
    'cloudspot-license upstream list --state waiting',
    'cloudspot-license upstream list --state moved --limit 20',
  ])
}

function showStatus(out: Out, { url, users, last_7_days: lately, left_out: leftOut }: UpstreamStatus): void {
  out.lines(
    record([
      ['asks', url ?? 'nobody: LICENSE_UPSTREAM is not set'],
      ['moved', String(users.moved)],
      ['last one', showMoment(users.last_moved_at) || 'none yet'],
      ['waiting', `${users.waiting} known there, without a password yet`],
      ['in 7 days', `${lately.refused} refused, ${lately.failed} failed`],
    ]),
  )
  if (lately.failures.length > 0) {
    out.lines(['', 'How it failed:'])
    out.table(
      [
        { heading: 'REASON' },
        { heading: 'APPLICATION', whole: true },
        { heading: 'TIMES' },
        { heading: 'LAST', whole: true },
      ],
      lately.failures.map((each) => [each.reason, each.application, String(each.times), showMoment(each.last_at)]),
    )
  }
  if (leftOut.length === 0) return
  out.lines(['', 'Not taken over:'])
  out.table(
    [
      { heading: 'WHY' },
      { heading: 'WHAT' },
      { heading: 'APPLICATION', whole: true },
      { heading: 'TIMES' },
      { heading: 'LAST', whole: true },
    ],
    leftOut.map((each) => [each.why, each.what, each.application, String(each.times), showMoment(each.last_at)]),
  )
}
