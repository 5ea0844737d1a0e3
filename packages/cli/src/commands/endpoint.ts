import type { DeliveryWithAttempts, Endpoint, EndpointDialect, EndpointEventType } from 'cloudspot-license-api/admin'
import { type Command, Option } from 'commander'
import { requireYes } from '../ask.ts'
import { examples, given, noun, noVerb, onHouse, requireChanges, several, wholeNumber } from '../command.ts'
import { EVENT_TYPES } from '../event-types.ts'
import { findEndpoint } from '../find.ts'
import { printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showMoment } from '../output/when.ts'

type Fields = { type?: string[]; description?: string }

export function endpointCommand(program: Command): void {
  const endpoint = noun(
    program,
    'endpoint',
    'Where events are sent (webhooks): list, show, add, set, remove, rotate-secret, ping, resend.',
  )

  const list = endpoint
    .command('list')
    .argument('<application>')
    .description("List where an application's events are sent.")
    .action(
      onHouse<[application: string]>(async ({ admin, out }, [application]) => {
        await printList(
          out,
          await admin.endpoints.list(application),
          {},
          {
            columns: [
              { heading: 'ID', whole: true },
              { heading: 'FORM' },
              { heading: 'ADDRESS' },
              { heading: 'STATE' },
            ],
            row: (each) => [each.id, each.dialect, each.url, stateOf(each)],
            none: 'Events of this application are sent nowhere. `cloudspot-license endpoint add` changes that.',
          },
        )
      }),
    )
  examples(list, ['cloudspot-license endpoint list crm'])

  const show = endpoint
    .command('show')
    .argument('<application>')
    .argument('<endpoint>', 'its id or its address')
    .description('Show an endpoint, without its secret.')
    .action(
      onHouse<[application: string, endpoint: string]>(async ({ admin, out }, [application, typed]) => {
        const found = await findEndpoint(admin, application, typed)
        out.answer(found, () =>
          record([
            ['id', found.id],
            ['application', found.application],
            ['address', found.url],
            ['form', found.dialect],
            ['events', found.types ?? 'all'],
            ['description', found.description],
            ['state', stateOf(found)],
            ['second secret until', showMoment(found.second_secret_until)],
          ]),
        )
      }),
    )
  examples(show, ['cloudspot-license endpoint show crm https://crm.example/license-events'])

  const add = withFields(
    endpoint
      .command('add')
      .argument('<application>')
      .argument('[address]', "https://…; of a Django site the base of the package's addresses")
      .description('Have events sent to an address, from now on. The secret is told this once.')
      .addOption(new Option('--form <form>', 'in which form').choices(['standard', 'django']).default('standard')),
  ).action(
    onHouse<[application: string, url: string | undefined], Fields & { form: EndpointDialect }>(
      async ({ admin, out }, [application, url], options) => {
        const made = await admin.endpoints.create(application, {
          dialect: options.form,
          ...given({ url, description: options.description }),
          ...(options.type ? { types: readTypes(options.type) } : {}),
        })
        out.answer(made, () => [
          made.secret,
          'Keep it: it is told this once. Whoever receives events checks them with it.',
          `Try it: cloudspot-license endpoint ping ${application} ${made.id}`,
        ])
      },
    ),
  )
  examples(add, [
    'cloudspot-license endpoint add crm https://crm.example/license-events --type permissions.updated',
    'cloudspot-license endpoint add intranet https://intranet.example/auth --form django',
  ])

  const set = withFields(
    endpoint
      .command('set')
      .argument('<application>')
      .argument('<endpoint>', 'its id or its address')
      .description('Change an endpoint, or switch it off or on.')
      .option('--url <address>', 'another address')
      .option('--active', 'switched on: it goes on where it stopped')
      .option('--no-active', 'switched off: nothing is sent there'),
  ).action(
    onHouse<[application: string, endpoint: string], Fields & { url?: string; active?: boolean }>(
      async ({ admin, out }, [application, typed], options) => {
        const { id } = await findEndpoint(admin, application, typed)
        const changes = requireChanges({
          ...given({ url: options.url, description: options.description, active: options.active }),
          ...(options.type ? { types: readTypes(options.type) } : {}),
        })
        const changed = await admin.endpoints.update(application, id, changes)
        out.answer(changed, () => [`${changed.url}: ${stateOf(changed)}.`])
      },
    ),
  )
  examples(set, [
    'cloudspot-license endpoint set crm https://crm.example/license-events --active',
    'cloudspot-license endpoint set crm https://crm.example/license-events --type all --description "The CRM"',
  ])

  const remove = endpoint
    .command('remove')
    .argument('<application>')
    .argument('<endpoint>', 'its id or its address')
    .description('Send nothing there any more, and forget what was sent.')
    .action(
      onHouse<[application: string, endpoint: string]>(async ({ admin, out }, [application, typed], options) => {
        const { id, url } = await findEndpoint(admin, application, typed)
        await requireYes(options, `Send no more events of ${application} to ${url}?`)
        await admin.endpoints.remove(application, id)
        out.answer({ removed: id }, () => [`Nothing is sent to ${url} any more.`])
      }),
    )
  examples(remove, ['cloudspot-license endpoint remove crm https://crm.example/license-events --yes'])

  const rotate = endpoint
    .command('rotate-secret')
    .argument('<application>')
    .argument('<endpoint>', 'its id or its address')
    .description('Make a new secret, told this once. The one before signs along for a while.')
    .option('--hours <number>', 'for how long (24)', wholeNumber(0, 168))
    .action(
      onHouse<[application: string, endpoint: string], { hours?: number }>(
        async ({ admin, out }, [application, typed], options) => {
          const { id } = await findEndpoint(admin, application, typed)
          const made = await admin.endpoints.rotateSecret(application, id, given({ hours: options.hours }))
          const until = made.second_secret_until
          out.answer(made, () => [
            made.secret,
            until === null
              ? 'The one before signs no more.'
              : `The one before signs along until ${showMoment(until)}: give the receiver both until then.`,
          ])
        },
      ),
    )
  examples(rotate, ['cloudspot-license endpoint rotate-secret crm https://crm.example/license-events --hours 48'])

  const ping = endpoint
    .command('ping')
    .argument('<application>')
    .argument('<endpoint>', 'its id or its address')
    .description('Try an endpoint at once. The exit code is 1 where it does not answer as it should.')
    .action(
      onHouse<[application: string, endpoint: string]>(async ({ admin, out }, [application, typed]) => {
        const { id, url } = await findEndpoint(admin, application, typed)
        const tried = await admin.endpoints.ping(application, id)
        out.answer(tried, () => told(url, tried))
        if (tried.state !== 'delivered') process.exitCode = 1
      }),
    )
  examples(ping, ['cloudspot-license endpoint ping crm https://crm.example/license-events'])

  const resend = endpoint
    .command('resend')
    .argument('<application>')
    .argument('<endpoint>', 'its id or its address')
    .description('Send what everybody may do today, whole: for a receiver that lost what it had.')
    .action(
      onHouse<[application: string, endpoint: string]>(async ({ admin, out }, [application, typed], options) => {
        const { id, url } = await findEndpoint(admin, application, typed)
        await requireYes(options, `Send the rights of everybody in ${application} to ${url}?`)
        await admin.endpoints.resend(application, id)
        out.answer({ resending: id }, () => ['They are on their way, beside what happens meanwhile.'])
      }),
    )
  examples(resend, ['cloudspot-license endpoint resend crm https://crm.example/license-events --yes'])

  noVerb(endpoint, 'edit', 'An endpoint is changed by `endpoint set`.')
}

function withFields(command: Command): Command {
  return command
    .option('--type <type...>', `these events alone: ${EVENT_TYPES.join(', ')}; or all`, several)
    .option('--description <text>', 'for people')
}

/** `all` takes a choice back. What is no type the server says. */
function readTypes(typed: readonly string[]): EndpointEventType[] | null {
  return typed.includes('all') ? null : (typed as EndpointEventType[])
}

function stateOf({ active, disabled, failing_since }: Endpoint): string {
  const why = { gone: 'it answered 410', failing: 'nothing arrived for days', secret_lost: 'its secret is lost' }
  if (disabled) return `switched off by the server on ${showMoment(disabled.at)}: ${why[disabled.because]}`
  if (!active) return 'switched off'
  return failing_since === null ? 'works' : `nothing arrives since ${showMoment(failing_since)}`
}

function told(url: string, { state, attempts_made }: DeliveryWithAttempts): string[] {
  const last = attempts_made.at(-1)
  const what = last?.status ? `answered ${last.status}` : `gave no answer (${last?.error ?? 'unknown'})`
  const lines = [
    `${url} ${what} after ${last?.ms ?? 0} ms: ${state === 'delivered' ? 'it works.' : 'it does not work.'}`,
  ]
  if (state !== 'delivered' && last?.answer) lines.push(`It said: ${last.answer.slice(0, 300)}`)
  return lines
}
