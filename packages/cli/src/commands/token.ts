import type { LicenseAdmin, Token } from 'cloudspot-license-api/admin'
import type { Command } from 'commander'
import { requireYes } from '../ask.ts'
import { examples, noun, noVerb, onHouse } from '../command.ts'
import { CommandError } from '../errors.ts'
import { findUser } from '../find.ts'
import { type ListOptions, limited, printList } from '../list.ts'
import { record } from '../output/table.ts'
import { showMoment } from '../output/when.ts'

export function tokenCommand(program: Command): void {
  const token = noun(program, 'token', "A user's sessions: list, show, remove.")

  const list = limited(
    token
      .command('list')
      .argument('<user>', 'address or id')
      .description("List a user's live sessions, the last used first."),
  ).action(
    onHouse<[user: string], ListOptions>(async ({ admin, out }, [typed], options) => {
      const user = await findUser(admin, typed)
      await printList(out, admin.tokens.list({ user: user.id }), options, {
        columns: [
          { heading: 'ID', whole: true },
          { heading: 'APPLICATION', whole: true },
          { heading: 'SIGNED IN', whole: true },
          { heading: 'LAST USED', whole: true },
          { heading: 'UNTIL', whole: true },
        ],
        row: (each) => [
          each.id,
          each.application,
          showMoment(each.issued_at) + (each.impersonation ? ' (by support)' : ''),
          showMoment(each.last_used_at),
          showMoment(each.expires_at),
        ],
        none: `${user.email} is not signed in anywhere.`,
      })
    }),
  )
  examples(list, ['cloudspot-license token list anna@acme.example'])

  const show = token
    .command('show')
    .argument('<user>', 'address or id')
    .argument('<id>', "the session's id, from `token list`")
    .description('Show a session.')
    .action(
      onHouse<[user: string, id: string]>(async ({ admin, out }, [typed, id]) => {
        const user = await findUser(admin, typed)
        const found = await findToken(admin, user.id, id)
        out.answer(found, () =>
          record([
            ['id', found.id],
            ['user', user.email],
            ['application', found.application],
            ['signed in', showMoment(found.issued_at)],
            ['last used', showMoment(found.last_used_at)],
            ['until', showMoment(found.expires_at)],
            ['by support', found.impersonation ? 'yes' : 'no'],
          ]),
        )
      }),
    )
  examples(show, ['cloudspot-license token show anna@acme.example 01a21a2c-b8ca-775f-b8e5-ad6bd1e31105'])

  const remove = token
    .command('remove')
    .argument('<user>', 'address or id')
    .argument('[id]', "the session's id, from `token list`; all of them without")
    .description('End a session, or sign a user out of all applications.')
    .action(
      onHouse<[user: string, id?: string]>(async ({ admin, out }, [typed, id], options) => {
        const user = await findUser(admin, typed)
        if (id !== undefined) {
          await admin.tokens.remove({ user: user.id, id })
          out.answer({ removed: id }, () => [`${user.email} is signed out of that session.`])
          return
        }
        await requireYes(options, `Sign ${user.email} out of all applications?`)
        await admin.users.signOut(user.id)
        out.answer({ removed: 'all' }, () => [`${user.email} is signed out of all applications.`])
      }),
    )
  examples(remove, [
    'cloudspot-license token remove anna@acme.example 01a21a2c-b8ca-775f-b8e5-ad6bd1e31105',
    'cloudspot-license token remove anna@acme.example --yes',
  ])

  noVerb(token, 'add', 'A session begins when a user signs in to an application; nobody makes one for another.')
  noVerb(token, 'set', 'A session is not changed: it ends by `token remove`, or by itself.')
}

async function findToken(admin: LicenseAdmin, user: string, id: string): Promise<Token> {
  for await (const each of admin.tokens.list({ user })) if (each.id === id) return each
  throw new CommandError('There is no such live session. `cloudspot-license token list` shows them.')
}
