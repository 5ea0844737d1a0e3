import type { Command } from 'commander'
import { examples, given, onHouse } from '../command.ts'
import { CHECK_FAILED } from '../errors.ts'
import { findCompany } from '../find.ts'
import { mendLines } from '../mend-text.ts'

type Asked = [user: string, company: string, application: string, permission: string]

export function explainCommand(program: Command): void {
  const explain = program
    .command('explain')
    .argument('<user>', 'address or id')
    .argument('<company>', 'name or id')
    .argument('<application>', 'id')
    .argument('<permission>', 'slug; use_app: whether the user may use the application at all')
    .description('Say whether a user may do something, why, why not, and what would mend it.')
    .option('--at <day>', 'on another day, or at a moment, by what is stored today')
    .option('--check', `end with ${CHECK_FAILED} where the answer is no`)
    .action(
      onHouse<Asked, { at?: string; check?: boolean }>(async ({ admin, out }, asked, options) => {
        const [user, where, application, permission] = asked
        const company = await findCompany(admin, where)
        const query = { user, company: company.id, application, permission, ...given({ at: options.at }) }
        const decision = await admin.explain.decide(query)
        out.answer(decision, () => {
          const [first = '', ...rest] = decision.text
          const told = out.paint(decision.allowed ? 'green' : 'red', first)
          return [told, ...rest, ...mendLines(decision).map((line) => `    $ ${line}`)]
        })
        if (options.check && !decision.allowed) process.exitCode = CHECK_FAILED
      }),
    )
  examples(explain, [
    'cloudspot-license explain anna@acme.example ACME crm create_invoice',
    'cloudspot-license explain anna@acme.example ACME crm create_invoice --at 2027-01-01 --json',
    'if cloudspot-license explain anna@acme.example ACME crm use_app --check; then echo welcome; fi',
  ])
}
