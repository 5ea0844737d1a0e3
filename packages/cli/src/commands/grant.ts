import type { Grant, LicenseAdmin, WantedGrant } from 'cloudspot-license-api/admin'
import type { Command } from 'commander'
import { examples, given, noun, onHouse, orNull, requireChanges, wrongUse } from '../command.ts'
import { CommandError } from '../errors.ts'
import { findCompany, findUser } from '../find.ts'
import { grantLine, nameOfGrant } from '../grants.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showEnd, showInterval, showMoment, showStart } from '../output/when.ts'

type Where = [user: string, company: string, application: string, permission?: string]
type What = { role?: string }
type Terms = What & { from?: string; until?: string; reason?: string }

export function grantCommand(program: Command): void {
  const grant = noun(program, 'grant', 'Permissions and roles of members: list, show, add, set, remove.')

  const list = limited(
    grant
      .command('list')
      .argument('<user>', 'address or id')
      .argument('<company>', 'name or id')
      .description("List a member's grants, in the order of giving.")
      .option('--application <id>', 'in this application')
      .option('--revoked', 'with those that were taken away'),
  ).action(
    onHouse<[user: string, company: string], ListOptions & { application?: string; revoked?: boolean }>(
      async ({ admin, out }, [who, where], options) => {
        const [user, company] = await Promise.all([findUser(admin, who), findCompany(admin, where)])
        const { application, revoked } = options
        const found = admin.grants.list({ company: company.id, user: user.id, ...given({ application, revoked }) })
        await printList(out, found, options, {
          columns: [
            { heading: 'APPLICATION', whole: true },
            { heading: 'GIVES', whole: true },
            { heading: 'FROM', whole: true },
            { heading: 'UNTIL', whole: true },
            { heading: 'REASON' },
          ],
          row: (each) => [
            each.application,
            nameOfGrant(each),
            showStart(each.starts_at),
            each.revoked_at === null ? showEnd(each.ends_at) || 'no end' : 'taken away',
            each.reason,
          ],
          none: `${user.email} has no grants in ${company.name}: cloudspot-license grant add`,
        })
      },
    ),
  )
  examples(list, ['cloudspot-license grant list anna@acme.example ACME'])

  const show = named(grant.command('show'))
    .description('Show a grant that is not taken away.')
    .action(
      onHouse<Where, What>(async ({ admin, out }, where, options) => {
        const { user, company, found } = await findGrant(admin, where, options)
        out.answer(found, () =>
          record([
            ['user', user],
            ['company', company],
            ['application', found.application],
            ['gives', found.role ? `the role ${found.role.name} (${found.role.key})` : nameOfGrant(found)],
            ['holds', showInterval(found.starts_at, found.ends_at)],
            ['given', `${showMoment(found.granted_at)} by ${found.granted_by}`],
            ...(found.reason === '' ? [] : [['reason', found.reason] as const]),
            ['id', found.id],
          ]),
        )
      }),
    )
  examples(show, ['cloudspot-license grant show anna@acme.example ACME crm --role clerk'])

  const add = terms(named(grant.command('add')))
    .description('Give a member a permission, with what it needs, or a role. The member holds a seat.')
    .action(
      onHouse<Where, Terms>(async ({ admin, out }, where, options) => {
        const { user, company, of } = await findMember(admin, where)
        const what = readWhat(where, options)
        const { application, ...member } = of
        const made = await admin.grants.create(member, { application, ...what, ...readTerms(options) })
        out.answer(made, () => [`${user} has ${grantLine(made)} in ${application} for ${company}.`])
      }),
    )
  examples(add, [
    'cloudspot-license grant add anna@acme.example ACME crm create_invoice',
    'cloudspot-license grant add anna@acme.example ACME crm --role clerk --until 2026-08-31 --reason "Holiday cover"',
  ])

  const set = terms(named(grant.command('set')))
    .description('Change for how long a grant holds, or why it was given.')
    .action(
      onHouse<Where, Terms>(async ({ admin, out }, where, options) => {
        const changes = requireChanges(readTerms(options))
        const { user, company, of } = await findMember(admin, where)
        const what = readWhat(where, options)
        // As a whole, in the state that was read: nobody's change meanwhile is overwritten.
        const { etag, grants, seat } = await admin.rights.get(of)
        const meant = grants.filter((each) => isOf(each, what))
        if (meant.length === 0) throw noGrant(user, company, of.application, what)
        const wanted = grants.map((each) => ({ ...asWanted(each), ...(meant.includes(each) ? changes : {}) }))
        const body = { grants: wanted, ...(seat === null ? {} : { seat }) }
        const change = await admin.rights.replace(of, body, { ifMatch: etag })
        const after = (await admin.rights.get(of)).grants.filter((each) => isOf(each, what))
        out.answer({ loses: change.loses, gains: change.gains, grants: after }, () =>
          after.map((each) => `${user} has ${grantLine(each)} in ${of.application} for ${company}.`),
        )
      }),
    )
  examples(set, ['cloudspot-license grant set anna@acme.example ACME crm create_invoice --until 2026-12-31'])

  const remove = named(grant.command('remove'))
    .description('Take a grant away. Where others still give the permission, that is refused with their list.')
    .option('--cascade', 'take those too')
    .action(
      onHouse<Where, What & { cascade?: boolean }>(async ({ admin, out }, where, options) => {
        const { user, company, found } = await findGrant(admin, where, options)
        const done = await admin.grants.remove(found, given({ cascade: options.cascade }))
        const more = done.revoked.length > 1 ? `, and ${done.revoked.length - 1} that gave it too` : ''
        out.answer(done, () => [
          `${user} no longer has ${nameOfGrant(found)} in ${found.application} for ${company}${more}.`,
        ])
      }),
    )
  examples(remove, [
    'cloudspot-license grant remove anna@acme.example ACME crm create_invoice',
    'cloudspot-license grant remove anna@acme.example ACME crm list_invoices --cascade',
  ])
}

function named(command: Command): Command {
  return command
    .argument('<user>', 'address or id')
    .argument('<company>', 'name or id')
    .argument('<application>', 'id')
    .argument('[permission]', 'slug; left out with --role')
    .option('--role <key>', 'a role, in place of a permission')
}

function terms(command: Command): Command {
  return command
    .option('--from <day>', "the first day, or a moment ('none': from now on)")
    .option('--until <day>', "the last day included, or a moment ('none': no end)")
    .option('--reason <text>', 'why, for whoever asks later')
}

function readTerms({ from, until, reason }: Terms) {
  return given({ starts_at: orNull(from), ends_at: orNull(until), reason })
}

type Wish = { permission: string } | { role: string }

function readWhat([, , , permission]: Where, { role }: What): Wish {
  if (permission !== undefined && role === undefined) return { permission }
  if (role !== undefined && permission === undefined) return { role }
  return wrongUse('Name a permission, or a --role, and not both.')
}

async function findMember(admin: LicenseAdmin, [who, where, application]: Where) {
  const [user, company] = await Promise.all([findUser(admin, who), findCompany(admin, where)])
  return { user: user.email, company: company.name, of: { user: user.id, company: company.id, application } }
}

async function findGrant(admin: LicenseAdmin, where: Where, options: What) {
  const what = readWhat(where, options)
  const { user, company, of } = await findMember(admin, where)
  for await (const found of admin.grants.list(of)) if (isOf(found, what)) return { user, company, found }
  throw noGrant(user, company, of.application, what)
}

function isOf(grant: Grant, wish: Wish): boolean {
  return 'permission' in wish ? grant.permission === wish.permission : grant.role?.key === wish.role
}

function asWanted({ permission, role, starts_at, ends_at, reason }: Grant): WantedGrant {
  return { ...(role ? { role: role.key } : { permission: permission ?? '' }), starts_at, ends_at, reason }
}

function noGrant(user: string, company: string, application: string, wish: Wish): CommandError {
  const what = 'permission' in wish ? wish.permission : `the role ${wish.role}`
  return new CommandError([
    `Nobody gave ${user} ${what} in ${application} for ${company}.`,
    'permission' in wish
      ? `Whether it comes by a role or with another permission: cloudspot-license explain ${user} "${company}" ${application} ${wish.permission}`
      : '`cloudspot-license grant list` shows what there is.',
  ])
}
