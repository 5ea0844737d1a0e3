import type { Company } from 'cloudspot-license-api/admin'
import type { Command } from 'commander'
import { examples, given, noun, noVerb, onHouse, requireChanges } from '../command.ts'
import { findCompanyId } from '../find.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showMoment } from '../output/when.ts'

type Changes = { name?: string; active?: boolean; allowImpersonation?: boolean }

export function companyCommand(program: Command): void {
  const company = noun(program, 'company', 'Customer organisations: list, show, add, set.')

  const list = limited(
    company
      .command('list')
      .argument('[text]', 'how a name begins')
      .description('List companies by name, or find some.'),
  ).action(
    onHouse<[text?: string], ListOptions>(async ({ admin, out }, [q], options) => {
      await printList(out, admin.companies.list(given({ q })), options, {
        columns: [{ heading: 'NAME' }, { heading: 'STATE' }, { heading: 'ID', whole: true }],
        row: (each) => [each.name, each.active ? '' : 'switched off', each.id],
        none:
          q === undefined
            ? 'There are no companies yet: cloudspot-license company add'
            : `No company's name begins with "${q}".`,
      })
    }),
  )
  examples(list, ['cloudspot-license company list', 'cloudspot-license company list AC'])

  const show = company
    .command('show')
    .argument('<company>', 'name or id')
    .description('Show a company, with its licenses.')
    .action(
      onHouse<[company: string]>(async ({ admin, out }, [typed]) => {
        const id = await findCompanyId(admin, typed)
        const [found, licenses] = await Promise.all([
          admin.companies.get(id),
          admin.licenses.list({ company: id }).toArray(),
        ])
        out.answer({ ...found, licenses }, () =>
          showCompany(
            found,
            licenses.map(({ application, state }) => `${application} (${state.replace('_', ' ')})`),
          ),
        )
      }),
    )
  examples(show, ['cloudspot-license company show ACME'])

  const add = company
    .command('add')
    .argument('<name>', 'a name that no other company has')
    .description('Make a company.')
    .option('--id <uuid>', 'keep an id of before')
    .action(
      onHouse<[name: string], { id?: string }>(async ({ admin, out }, [name], { id }) => {
        const made = await admin.companies.create({ name, ...given({ id }) })
        out.answer(made, () => [`${made.name} is there, with the id ${made.id}.`])
      }),
    )
  examples(add, ['cloudspot-license company add ACME'])

  const set = company
    .command('set')
    .argument('<company>', 'name or id')
    .description('Change what is given, and nothing else.')
    .option('--name <text>', 'another name')
    .option('--active', 'switched on')
    .option('--no-active', 'switched off: nobody may do anything for it')
    .option('--allow-impersonation', 'its admins may act as its people')
    .option('--no-allow-impersonation', 'they may not; what they began ends')
    .action(
      onHouse<[company: string], Changes>(async ({ admin, out }, [typed], { name, active, allowImpersonation }) => {
        const changes = requireChanges(given({ name, active, allows_impersonation: allowImpersonation }))
        const changed = await admin.companies.update(await findCompanyId(admin, typed), changes)
        out.answer(changed, () => showCompany(changed))
      }),
    )
  examples(set, [
    'cloudspot-license company set ACME --name "ACME Ltd"',
    'cloudspot-license company set Globex --no-active',
    'cloudspot-license company set ACME --allow-impersonation',
  ])

  noVerb(
    company,
    'remove',
    'A company is not deleted, so that the audit stays readable. Switch it off: company set NAME --no-active',
  )
}

function showCompany(company: Company, licenses?: string[]): string[] {
  return record([
    ['name', company.name],
    ['id', company.id],
    ['state', company.active ? 'switched on' : 'switched off: nobody may do anything for it'],
    ['its admins', company.allows_impersonation ? 'may act as its people' : 'may not act as its people'],
    ['made', showMoment(company.created_at)],
    ...(licenses === undefined ? [] : [['licenses', licenses] as const]),
  ])
}
