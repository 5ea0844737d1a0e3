import type { Application, ApplicationDialect } from 'cloudspot-license-api/admin'
import { type Command, Option } from 'commander'
import { requireYes } from '../ask.ts'
import { examples, given, noun, noVerb, onHouse, orNull, requireChanges, several, wholeNumberOr } from '../command.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { manifestText } from '../manifest-text.ts'
import { record } from '../output/table.ts'
import { treeLines } from '../output/tree.ts'

type Fields = {
  name?: string
  active?: boolean
  dialect?: ApplicationDialect
  exposesPin?: boolean
  djangoBefore62?: boolean
  tokenDays?: number | 'none'
  tokenIdleDays?: number | 'none'
  network?: string[]
  djangoUrl?: string
  impersonationUrl?: string
}

export function applicationCommand(program: Command): void {
  const application = noun(
    program,
    'application',
    'What users sign in to: list, show, add, set, permissions, manifest, secret.',
  )

  const list = limited(application.command('list').description('List the applications, by id.')).action(
    onHouse<[], ListOptions>(async ({ admin, out }, _, options) => {
      await printList(out, admin.applications.list(), options, {
        columns: [{ heading: 'ID', whole: true }, { heading: 'NAME' }, { heading: 'STATE' }, { heading: 'SECRET' }],
        row: (each) => [
          each.id,
          each.name,
          each.active ? '' : 'switched off',
          each.has_secret === undefined ? '' : each.has_secret ? 'yes' : 'none',
        ],
        none: 'There are no applications yet: cloudspot-license application add',
      })
    }),
  )
  examples(list, ['cloudspot-license application list'])

  const show = application
    .command('show')
    .argument('<application>', 'id')
    .description('Show an application.')
    .action(
      onHouse<[application: string]>(async ({ admin, out }, [id]) => {
        const found = await admin.applications.get(id)
        out.answer(found, () => showApplication(found))
      }),
    )
  examples(show, ['cloudspot-license application show crm'])

  const add = fields(
    application
      .command('add')
      .argument('<id>', 'what it sends with every call; never another one later')
      .requiredOption('--name <text>', 'for people'),
  )
    .description('Make an application, in which there is nothing but `use_app` to give yet.')
    .action(
      onHouse<[id: string], Fields & { name: string }>(async ({ admin, out }, [id], options) => {
        const made = await admin.applications.create({ id, ...readFields(options), name: options.name })
        out.answer(made, () => [
          `${made.name} is there. Its permissions come from a manifest: cloudspot-license apply FILE --application ${made.id}`,
        ])
      }),
    )
  examples(add, ['cloudspot-license application add crm --name CRM'])

  const set = fields(application.command('set').argument('<application>', 'id').option('--name <text>', 'for people'))
    .description('Change what is given, and nothing else.')
    .action(
      onHouse<[id: string], Fields>(async ({ admin, out }, [id], options) => {
        const changed = await admin.applications.update(id, requireChanges(readFields(options)))
        out.answer(changed, () => showApplication(changed))
      }),
    )
  examples(set, [
    'cloudspot-license application set crm --token-days 30',
    'cloudspot-license application set crm --network 10.0.0.0/8 --network 192.0.2.7',
    'cloudspot-license application set crm --django-url https://crm.example/auth',
  ])

  const permissions = application
    .command('permissions')
    .argument('<application>', 'id')
    .description("Show an application's permissions, each below the one that it needs.")
    .action(
      onHouse<[id: string]>(async ({ admin, out }, [id]) => {
        const items = await admin.permissions.list({ application: id }).toArray()
        out.answer(items, () => treeLines(items))
      }),
    )
  examples(permissions, ['cloudspot-license application permissions crm'])

  const manifest = application
    .command('manifest')
    .argument('<application>', 'id')
    .description("Print an application's permissions and roles as a manifest, to keep with its code, change and apply.")
    .action(
      onHouse<[id: string]>(async ({ admin, out }, [id]) => {
        const { manifest: found } = await admin.manifest.get(id)
        if (out.isJson) out.answer(found, () => [])
        else out.raw(manifestText(found))
      }),
    )
  examples(manifest, ['cloudspot-license application manifest crm > permissions.json'])

  const secret = application
    .command('secret')
    .argument('<application>', 'id')
    .description('Give an application a new secret, told this once; the one before stops working at once.')
    .option('--none', 'take it away: the application is asked for none')
    .action(
      onHouse<[id: string], { none?: boolean }>(async ({ admin, out }, [id], options) => {
        const found = await admin.applications.get(id)
        await requireYes(
          options,
          options.none
            ? `Take the secret of ${found.name} away? Whoever reaches the server may then ask as ${found.name}.`
            : `Give ${found.name} a new secret? Calls with the one of before are refused from now on.`,
        )
        if (options.none) {
          await admin.applications.removeSecret(id)
          out.answer({ secret: null }, () => [`${found.name} has no secret any more.`])
          return
        }
        const made = await admin.applications.replaceSecret(id)
        out.answer(made, () => [made.secret, 'Keep it: it is told this once, and only its hash is stored.'])
      }),
    )
  examples(secret, [
    'cloudspot-license application secret crm --yes --json',
    'cloudspot-license application secret crm --none',
  ])

  noVerb(
    application,
    'remove',
    'An application is not deleted, so that the audit stays readable and its id is never used again. Switch it off: application set ID --no-active',
  )
}

function fields(command: Command): Command {
  return command
    .option('--active', 'switched on')
    .option('--no-active', 'switched off: every session in it ends')
    .addOption(
      new Option('--dialect <dialect>', 'what it reads: the flat ones are for Python releases before 1.0.0').choices([
        'v1',
        'flat-0.2',
        'flat-0.1',
      ]),
    )
    .option('--exposes-pin', "it is told the user's PIN")
    .option('--no-exposes-pin', 'it is not')
    .option('--django-before-6-2', 'a Django site that finds users by the last token, which is kept for it, sealed')
    .option('--no-django-before-6-2', 'it is not')
    .option(
      '--token-days <number>',
      "how long a sign-in holds ('none': the house's own)",
      wholeNumberOr('none', 0, 3650),
    )
    .option(
      '--token-idle-days <number>',
      "how long an unused one does ('none': the house's own; 0: as long)",
      wholeNumberOr('none', 0, 3650),
    )
    .option('--network <address...>', "where it may be used from ('any': from anywhere)", several)
    .option('--django-url <address>', "where a Django site has the package's addresses ('none': it is no Django site)")
    .option(
      '--impersonation-url <address>',
      "its own page that lets in who acts as a user ('none': it has none); see `impersonation start --help`",
    )
}

function readFields({
  name,
  active,
  dialect,
  exposesPin,
  djangoBefore62,
  tokenDays,
  tokenIdleDays,
  network,
  ...addresses
}: Fields) {
  return given({
    name,
    active,
    dialect,
    exposes_pin: exposesPin,
    django_before_6_2: djangoBefore62,
    token_days: orNull(tokenDays),
    token_idle_days: orNull(tokenIdleDays),
    source_networks: network?.includes('any') ? null : network,
    django_url: orNull(addresses.djangoUrl),
    impersonation_url: orNull(addresses.impersonationUrl),
  })
}

function showApplication(application: Application): string[] {
  const days = (number: number | null) => (number === null ? "the house's own" : `${number} days`)
  return record([
    ['id', application.id],
    ['name', application.name],
    ['state', application.active ? 'switched on' : 'switched off'],
    ...(application.has_secret === undefined ? [] : [['secret', application.has_secret ? 'yes' : 'none'] as const]),
    ['answers', application.dialect],
    ['told the PIN', application.exposes_pin ? 'yes' : 'no'],
    ['a sign-in holds', days(application.token_days)],
    ['an unused one', application.token_idle_days === 0 ? 'as long' : days(application.token_idle_days)],
    ...(application.source_networks === undefined
      ? []
      : [['used from', application.source_networks ?? 'anywhere'] as const]),
    // Where one is set: most have neither.
    ...(application.django_url ? [['Django site', application.django_url] as const] : []),
    ...(application.impersonation_url ? [['lets in by', application.impersonation_url] as const] : []),
  ])
}
