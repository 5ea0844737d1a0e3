import type { DeliveryState, DeliveryWithAttempts } from 'cloudspot-license-api/admin'
import { type Command, Option } from 'commander'
import { requireYes } from '../ask.ts'
import { examples, given, noun, onHouse, wrongUse } from '../command.ts'
import { findEndpoint } from '../find.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showMoment } from '../output/when.ts'

type Span = { state?: DeliveryState; from?: string; until?: string }

export function deliveryCommand(program: Command): void {
  const delivery = noun(program, 'delivery', 'What was sent to an endpoint, and what came back: list, show, replay.')

  const list = limited(
    withSpan(
      delivery
        .command('list')
        .argument('<application>')
        .argument('<endpoint>', 'its id or its address')
        .description('List what was sent or waits to be, the newest first.'),
      ['waiting', 'delivered', 'failed', 'superseded'],
    ),
  ).action(
    onHouse<[application: string, endpoint: string], ListOptions & Span>(
      async ({ admin, out }, [application, typed], options) => {
        const { id } = await findEndpoint(admin, application, typed)
        await printList(out, admin.deliveries.list(application, id, spanOf(options)), options, {
          columns: [
            { heading: 'ID', whole: true },
            { heading: 'MADE', whole: true },
            { heading: 'EVENT' },
            { heading: 'STATE', whole: true },
            { heading: 'TRIES' },
            { heading: 'LAST ANSWER' },
          ],
          row: (each) => [
            each.id,
            showMoment(each.created_at),
            each.type,
            each.state,
            String(each.attempts),
            each.last_status === null ? (each.last_error ?? '') : String(each.last_status),
          ],
          none: 'There are no such deliveries.',
        })
      },
    ),
  )
  examples(list, ['cloudspot-license delivery list crm https://crm.example/license-events --state failed'])

  const show = delivery
    .command('show')
    .argument('<application>')
    .argument('<endpoint>', 'its id or its address')
    .argument('<delivery>', 'its id')
    .description('Show one, with every try.')
    .action(
      onHouse<[application: string, endpoint: string, delivery: string]>(
        async ({ admin, out }, [application, typed, id]) => {
          const endpoint = await findEndpoint(admin, application, typed)
          const found = await admin.deliveries.get(application, endpoint.id, id)
          out.answer(found, () => shown(found))
        },
      ),
    )
  examples(show, [
    'cloudspot-license delivery show crm https://crm.example/license-events 0199d1f2-3c4d-7000-8000-000000000001',
  ])

  const replay = withSpan(
    delivery
      .command('replay')
      .argument('<application>')
      .argument('<endpoint>', 'its id or its address')
      .argument('[delivery]', 'its id; or a --state or a span of time')
      .description('Send again, under the same ids: one, all that failed, or a span of time.'),
    ['failed', 'delivered', 'superseded'],
  ).action(
    onHouse<[application: string, endpoint: string, delivery: string | undefined], Span>(
      async ({ admin, out }, [application, typed, id], options) => {
        const endpoint = await findEndpoint(admin, application, typed)
        if (id !== undefined) {
          const again = await admin.deliveries.replay(application, endpoint.id, id)
          out.answer(again, () => ['It is sent again.'])
          return
        }
        const { state, ...span } = spanOf(options)
        if (state === undefined && Object.keys(span).length === 0)
          wrongUse('Name a delivery, or say which: --state failed, --from 2026-12-01.')
        await requireYes(options, `Send all of these to ${endpoint.url} again?`)
        let replayed = 0
        for (let more = true; more; ) {
          const done = await admin.deliveries.replayAll(application, endpoint.id, {
            ...span,
            ...(state === undefined || state === 'waiting' ? {} : { state }),
          })
          replayed += done.replayed
          // Of what arrives in between there would be no end.
          more = done.more && state === 'failed'
        }
        out.answer({ replayed }, () => [`${replayed === 1 ? 'One is' : `${replayed} are`} sent again.`])
      },
    ),
  )
  examples(replay, [
    'cloudspot-license delivery replay crm https://crm.example/license-events --state failed --yes',
    'cloudspot-license delivery replay crm https://crm.example/license-events --from 2026-12-01 --until 2026-12-02 --yes',
  ])
}

function withSpan(command: Command, states: readonly string[]): Command {
  return command
    .addOption(new Option('--state <state>', 'those alone').choices([...states]))
    .option('--from <day>', 'made on that day or later, or from a moment on')
    .option('--until <day>', 'made on that day or before, or until a moment')
}

function spanOf({ state, from, until }: Span) {
  return given({ state, from, until })
}

function shown(found: DeliveryWithAttempts): string[] {
  return [
    ...record([
      ['id', found.id],
      ['webhook-id', found.message],
      ['event', found.type],
      ['user', found.user ?? ''],
      ['state', found.state],
      ['next try', showMoment(found.next_at)],
    ]),
    ...found.attempts_made.flatMap(({ number, at, ms, status, error, answer }) => [
      `${number}. ${showMoment(at)}, ${ms} ms: ${status ?? error ?? 'no answer'}`,
      ...(answer === '' ? [] : [`   ${answer.slice(0, 300)}`]),
    ]),
  ]
}
