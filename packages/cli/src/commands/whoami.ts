import type { Command } from 'commander'
import { examples, onHouse } from '../command.ts'
import { record } from '../output/table.ts'

const MAY: Record<string, string> = {
  operator: 'run the whole house',
  support: 'look at everything, and change nothing',
}

export function whoamiCommand(program: Command): void {
  const whoami = program
    .command('whoami')
    .description('Tell what the key is and may do.')
    .action(
      onHouse(async ({ admin, out, server }) => {
        const me = await admin.whoami()
        const may = me.company
          ? `run the company ${me.company.name}`
          : me.application !== null
            ? `look at the application ${me.application}, and change its permissions`
            : (MAY[me.power] ?? me.power)
        out.answer(me, () =>
          record([
            ['server', server],
            [me.kind, `${me.name} (${me.id})`],
            ['may', may],
            ['scopes', me.scopes.includes('*') ? 'all' : me.scopes.join(' ')],
            ...(me.user === null ? [] : [['as', `the user ${me.user}, and no more than that user may`] as const]),
          ]),
        )
      }),
    )
  examples(whoami, ['cloudspot-license whoami', 'cloudspot-license whoami --key-file ~/.config/license.key --json'])
}
