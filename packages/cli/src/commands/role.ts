import type { LicenseAdmin, Role } from 'cloudspot-license-api/admin'
import type { Command } from 'commander'
import { examples, given, noun, onHouse, requireChanges, several, wrongUse } from '../command.ts'
import { findCompany } from '../find.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { record } from '../output/table.ts'

type Owner = { company?: string }
type Fields = Owner & { name?: string; permission?: string[]; add?: string[]; drop?: string[] }

export function roleCommand(program: Command): void {
  const role = noun(program, 'role', 'Named sets of permissions: list, show, add, set, remove.')

  const list = limited(
    owned(role.command('list').argument('[application]', 'id')).description(
      "List an application's own roles, or a company's own.",
    ),
  ).action(
    onHouse<[application?: string], ListOptions & Owner>(async ({ admin, out }, [application], options) => {
      const company = options.company === undefined ? undefined : await findCompany(admin, options.company)
      if (application === undefined && !company) wrongUse('Name an application, or a --company.')
      const roles = await admin.roles
        .list(company ? { company: company.id } : { application: application ?? '' })
        .toArray()
      const own =
        company && application !== undefined ? roles.filter((each) => each.application === application) : roles
      await printList(out, own, options, {
        columns: [
          { heading: 'APPLICATION', whole: true },
          { heading: 'KEY', whole: true },
          { heading: 'NAME' },
          { heading: 'PERMISSIONS' },
        ],
        row: (each) => [each.application, each.key, each.name, each.permissions.join(' ')],
        none: `${company?.name ?? application} has no roles of its own: cloudspot-license role add`,
      })
    }),
  )
  examples(list, ['cloudspot-license role list crm', 'cloudspot-license role list --company ACME'])

  const show = owned(named(role.command('show')))
    .description('Show a role.')
    .action(
      onHouse<[application: string, key: string], Owner>(async ({ admin, out }, [application, key], options) => {
        const owner = await findOwner(admin, application, options)
        const { etag: _, ...found } = await admin.roles.get({ ...owner, key })
        out.answer(found, () => showRole(found, owner.name))
      }),
    )
  examples(show, ['cloudspot-license role show crm clerk'])

  const add = owned(named(role.command('add')))
    .description("Make a role of an application, or with --company one company's own.")
    .option('--name <text>', 'for people')
    .option('--permission <slug...>', 'what it gives, with what that needs', several)
    .action(
      onHouse<[application: string, key: string], Fields>(async ({ admin, out }, [application, key], options) => {
        const owner = await findOwner(admin, application, options)
        const wanted = { key, ...given({ name: options.name, permissions: options.permission }) }
        const { etag: _, ...made } = await admin.roles.create(owner, wanted)
        out.answer(made, () => showRole(made, owner.name))
      }),
    )
  examples(add, [
    'cloudspot-license role add crm clerk --name Clerk --permission create_invoice,list_customers',
    'cloudspot-license role add crm auditor --company ACME --permission approve_invoice',
  ])

  const set = owned(named(role.command('set')))
    .description('Change what is given, and nothing else.')
    .option('--name <text>', 'for people')
    .option('--permission <slug...>', 'exactly these from now on', several)
    .option('--add <slug...>', 'these too', several)
    .option('--drop <slug...>', 'no longer these', several)
    .action(
      onHouse<[application: string, key: string], Fields>(async ({ admin, out }, [application, key], options) => {
        if (options.permission && (options.add ?? options.drop)) wrongUse('Give --permission, or --add and --drop.')
        const { name, ...owner } = await findOwner(admin, application, options)
        const ref = { ...owner, key }
        const before = await admin.roles.get(ref)
        const changes = requireChanges(given({ name: options.name, permissions: readPermissions(before, options) }))
        const { etag: _, ...changed } = await admin.roles.update(ref, changes, { ifMatch: before.etag })
        out.answer(changed, () => showRole(changed, name))
      }),
    )
  examples(set, [
    'cloudspot-license role set crm clerk --add approve_invoice',
    'cloudspot-license role set crm clerk --permission create_invoice --name "Invoice clerk"',
  ])

  const remove = owned(named(role.command('remove')))
    .description('Delete a role that nobody has.')
    .action(
      onHouse<[application: string, key: string], Owner>(async ({ admin, out }, [application, key], options) => {
        const { name: _, ...owner } = await findOwner(admin, application, options)
        await admin.roles.remove({ ...owner, key })
        out.answer({ removed: { ...owner, key } }, () => [`The role ${key} of ${application} is gone.`])
      }),
    )
  examples(remove, ['cloudspot-license role remove crm clerk'])
}

function named(command: Command): Command {
  return command.argument('<application>', 'id').argument('<key>', "the role's key")
}

function owned(command: Command): Command {
  return command.option('--company <name or id>', "this company's own")
}

async function findOwner(admin: LicenseAdmin, application: string, { company: typed }: Owner) {
  if (typed === undefined) return { application, company: null, name: null }
  const { id, name } = await findCompany(admin, typed)
  return { application, company: id, name }
}

function readPermissions(before: Role, { permission, add, drop }: Fields): string[] | undefined {
  if (permission) return permission
  if (!add && !drop) return undefined
  const unknown = drop?.find((slug) => !before.permissions.includes(slug))
  if (unknown !== undefined)
    wrongUse(`The role ${before.key} does not have ${unknown}. It has: ${before.permissions.join(', ')}.`)
  return [...new Set([...before.permissions, ...(add ?? [])])].filter((slug) => !drop?.includes(slug))
}

function showRole(role: Role, company: string | null): string[] {
  return record([
    ['key', role.key],
    ['name', role.name],
    ['application', role.application],
    ['belongs to', company ?? 'the application'],
    ['gives', role.permissions],
  ])
}
