import type { AuditEntry, AuditQuery, LicenseAdmin } from 'cloudspot-license-api/admin'
import { type Command, Option } from 'commander'
import { auditNames, type Naming } from '../audit-names.ts'
import { actText } from '../audit-text.ts'
import { examples, given, noun, noVerb, onHouse } from '../command.ts'
import { findCompanyId, findUser } from '../find.ts'
import { type ListOptions, limited, printJson, printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showMoment } from '../output/when.ts'
import { writeFileWhole } from '../write-file.ts'

type Filters = {
  company?: string
  actor?: string
  target?: string
  user?: string
  act?: string
  from?: string
  until?: string
}

export function auditCommand(program: Command): void {
  const audit = noun(program, 'audit', 'What was done, by whom: list, export, state.')

  const list = filtered(limited(audit.command('list').description('List what was done, the newest first.'))).action(
    onHouse<[], ListOptions & Filters>(async ({ admin, out }, _, options) => {
      const found = admin.audit.list(await readFilters(admin, options))
      if (out.isJson) return printJson(out, found, options)
      await printList(out, named(found, auditNames(admin)), options, {
        columns: [
          { heading: 'WHEN', whole: true },
          { heading: 'ACT', whole: true },
          { heading: 'BY' },
          { heading: 'TO' },
          { heading: 'WHAT' },
        ],
        row: (each) => [showMoment(each.at), each.act, each.by, each.to, actText(each.data)],
        none: 'Nothing that was done is of this kind.',
      })
    }),
  )
  examples(list, [
    'cloudspot-license audit list --company ACME --from 2026-01-01',
    'cloudspot-license audit list --user anna@acme.example --json',
  ])

  const exported = filtered(
    audit
      .command('export')
      .argument('<file>', "to this file; '-': to standard output")
      .description('Write all that was done to a file, the newest first.')
      .addOption(new Option('--format <format>', 'of the file').choices(['csv', 'ndjson']).default('ndjson')),
  ).action(
    onHouse<[file: string], Filters & { format: 'csv' | 'ndjson' }>(async ({ admin, out }, [file], options) => {
      const query = { format: options.format, ...(await readFilters(admin, options)) }
      await writeFileWhole(out, file, admin.audit.export(query))
    }),
  )
  examples(exported, ['cloudspot-license audit export audit.csv --format csv --from 2026-01-01 --until 2026-12-31'])

  const state = audit
    .command('state')
    .description('Tell how long entries are kept, and where their chain ends.')
    .action(
      onHouse(async ({ admin, out }) => {
        const told = await admin.audit.state()
        out.answer(told, () =>
          record([
            ['kept for', told.retention_days === null ? 'ever' : `${told.retention_days} days`],
            ['oldest', showMoment(told.oldest_at)],
            ['not in the chain yet', String(told.unsealed)],
            ['chain ends at', told.end === null ? '' : `${told.end.seq}, ${showMoment(told.end.at)}`],
            ['anchor', told.end?.anchor ?? ''],
          ]),
        )
      }),
    )
  examples(state, ['cloudspot-license audit state'])

  // With the key ring, which no API hands out.
  noVerb(audit, 'verify', 'The chain is checked beside the server, which has its keys: license-server audit verify')
  noVerb(
    audit,
    'anchor',
    'The anchor to keep elsewhere is printed beside the server: license-server audit anchor. `audit state` shows the last one.',
  )
}

function filtered(command: Command): Command {
  return command
    .option('--company <name or id>', 'in this company')
    .option('--user <user>', 'done to this user')
    .option('--actor <id>', 'done by this key or user, by id')
    .option('--target <id>', 'done to this, by id')
    .option('--act <act>', 'of this kind, such as user.created')
    .option('--from <day>', 'from this day, or moment')
    .option('--until <day>', 'until this day, included, or this moment')
}

async function readFilters(admin: LicenseAdmin, options: Filters): Promise<AuditQuery> {
  const { company, user, target, actor, act, from, until } = options
  return given({
    company: company === undefined ? undefined : await findCompanyId(admin, company),
    target: user === undefined ? target : (await findUser(admin, user)).id,
    actor,
    act,
    from,
    until,
  })
}

/** With the names of who did it, and to what. */
async function* named(entries: AsyncIterable<AuditEntry>, nameOf: Naming) {
  for await (const entry of entries) {
    const { kind, id, behind } = entry.actor
    const by = await nameOf(kind, id)
    yield {
      ...entry,
      by: behind === null ? by : `${by} (${await nameOf('behind', behind)} behind)`,
      to: await nameOf(entry.target.kind, entry.target.id),
    }
  }
}
