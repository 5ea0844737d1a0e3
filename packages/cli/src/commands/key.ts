import type { ApiKey, Power } from 'cloudspot-license-api/admin'
import { type Command, Option } from 'commander'
import { requireYes } from '../ask.ts'
import { examples, given, noun, noVerb, onHouse, several } from '../command.ts'
import { findCompanyId, findKey, findUser } from '../find.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showEnd, showMoment } from '../output/when.ts'

type Wanted = {
  name: string
  power?: Power
  company?: string
  application?: string
  user?: string
  scope?: string[]
  until?: string
}

export function keyCommand(program: Command): void {
  const key = noun(program, 'key', 'API keys: list, show, add, remove.')

  const list = limited(key.command('list').description('List the API keys, the oldest first.')).action(
    onHouse<[], ListOptions>(async ({ admin, out }, _, options) => {
      await printList(out, admin.apiKeys.list(), options, {
        columns: [
          { heading: 'ID', whole: true },
          { heading: 'NAME' },
          { heading: 'FOR' },
          { heading: 'SCOPES' },
          { heading: 'STATE', whole: true },
        ],
        row: (each) => [each.id, each.name, powerOf(each), each.scopes.join(' '), stateOf(each)],
        none: 'There are no keys that this one may see.',
      })
    }),
  )
  examples(list, ['cloudspot-license key list'])

  const show = key
    .command('show')
    .argument('<key>', 'its id or name, never itself')
    .description('Show an API key, without its secret.')
    .action(
      onHouse<[key: string]>(async ({ admin, out }, [typed]) => {
        const found = await admin.apiKeys.get((await findKey(admin, typed)).id)
        out.answer(found, () =>
          record([
            ['id', found.id],
            ['name', found.name],
            ['for', powerOf(found)],
            ['scopes', found.scopes.includes('*') ? 'all' : found.scopes],
            ['made', `${showMoment(found.created_at)} by ${found.created_by}`],
            ['last used', showMoment(found.last_used_at) || 'not yet'],
            ['until', showEnd(found.expires_at) || 'no end'],
            ['state', stateOf(found)],
          ]),
        )
      }),
    )
  examples(show, ['cloudspot-license key show setup'])

  const add = key
    .command('add')
    .description('Make an API key that can do no more than this one. It is told this once.')
    .requiredOption('--name <text>', 'what it is for, for people')
    .addOption(
      new Option('--power <power>', 'what it may run; what this key may, without').choices([
        'operator',
        'support',
        'company',
        'application',
      ]),
    )
    .option('--company <name or id>', 'it may run this company')
    .option('--application <id>', "it may run this application's permissions")
    .option('--user <user>', 'it stands for this user, and can do no more than the user at the moment')
    .option('--scope <scope...>', 'limit it, such as *:read or users:write', several)
    .option('--until <day>', 'the last day on which it works, or a moment')
    .action(
      onHouse<[], Wanted>(async ({ admin, out }, _, options) => {
        const company = options.company === undefined ? undefined : await findCompanyId(admin, options.company)
        const user = options.user === undefined ? undefined : (await findUser(admin, options.user)).id
        const made = await admin.apiKeys.create({
          name: options.name,
          ...given({ company, user, power: options.power, application: options.application }),
          ...given({ scopes: options.scope, expires_at: options.until }),
        })
        out.answer(made, () => [
          made.key,
          'Keep it: it is told this once, and only its hash is stored.',
          `It is for ${powerOf(made)}. \`cloudspot-license key remove ${made.id}\` ends it.`,
        ])
      }),
    )
  examples(add, [
    'cloudspot-license key add --name "ACME admin" --company ACME --user anna@acme.example --until 2026-12-31',
    'cloudspot-license key add --name ci --application crm --json',
    'cloudspot-license key add --name dashboard --power support --scope statistics:read',
  ])

  const remove = key
    .command('remove')
    .argument('<key>', 'its id or name, never itself')
    .description('Revoke an API key, from the very next request on.')
    .action(
      onHouse<[key: string]>(async ({ admin, out }, [typed], options) => {
        const { id, name } = await findKey(admin, typed)
        const me = await admin.whoami()
        const isOwn = me.kind === 'key' && me.id === id
        await requireYes(options, `Revoke the key "${name}"?${isOwn ? ' It is the one that asks.' : ''}`)
        await admin.apiKeys.remove(id)
        out.answer({ removed: id }, () => [`The key "${name}" is revoked.`])
      }),
    )
  examples(remove, ['cloudspot-license key remove setup --yes'])

  noVerb(key, 'set', 'A key is not changed: make another one with `key add`, then `key remove` the first.')
}

function powerOf({ power, company, application, user }: ApiKey): string {
  const what = {
    operator: 'the whole house',
    support: 'looking at everything',
    company: `company ${company}`,
    application: `application ${application}`,
  }[power]
  return user ? `${what}, as ${user.email}` : what
}

function stateOf({ revoked_at, expires_at }: ApiKey): string {
  if (revoked_at !== null) return 'revoked'
  if (expires_at === null) return 'works'
  return Date.parse(expires_at) <= Date.now() ? 'expired' : `until ${showEnd(expires_at)}`
}
