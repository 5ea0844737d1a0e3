import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { newSecret, secretHash } from '../credentials/secrets.ts'
import { listApplications, setApplicationSecret } from '../directory/application-store.ts'
import { requireApplicationCalled } from './find.ts'
import { print, withHouse } from './report.ts'
import { table } from './table.ts'

type Options = { json?: boolean }

export function applicationCommand(program: Command): void {
  const application = program.command('application').description('See applications and give them secrets.')
  application
    .command('list')
    .description('List the applications.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server application list')
    .action((options: Options) => withHouse((ctx) => list(ctx, options)))
  application
    .command('secret')
    .argument('<id>')
    .description(
      'Give an application a new secret, shown once. The one before stops working at once; nobody is signed out.',
    )
    .option('--remove', 'take the secret away: the application, and whoever knows its id, is asked for none')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server application secret crm')
    .action((id: string, options: Options & { remove?: boolean }) =>
      withHouse((ctx) => (options.remove ? removeSecret(ctx, id, options) : makeSecret(ctx, id, options))),
    )
}

async function list(ctx: Context, options: Options): Promise<void> {
  const applications = await listApplications(ctx.db.read)
  print(options.json, applications, () => {
    if (applications.length === 0) return ['The house has no applications yet.']
    const rows = applications.map((each) => [
      each.id,
      each.name,
      each.isActive ? 'on' : 'switched off',
      each.hasSecret ? 'yes' : 'no',
      String(each.permissions),
      String(each.companies),
    ])
    return table(['ID', 'NAME', 'STATE', 'SECRET', 'PERMISSIONS', 'LICENSES'], rows)
  })
}

async function makeSecret(ctx: Context, id: string, options: Options): Promise<void> {
  const application = await requireApplicationCalled(ctx, id)
  const secret = newSecret('cls_')
  await ctx.db.transaction((tx) => setApplicationSecret(tx, application.id, secretHash(secret), ctx.now()))
  print(options.json, { application: application.id, secret }, () => [
    secret,
    `This is the secret of ${application.name} from now on. Keep it: it is shown this once, and only its hash is stored.`,
  ])
}

async function removeSecret(ctx: Context, id: string, options: Options): Promise<void> {
  const application = await requireApplicationCalled(ctx, id)
  const hadOne = application.secretHash !== null
  if (hadOne) await ctx.db.transaction((tx) => setApplicationSecret(tx, application.id, null, ctx.now()))
  print(options.json, { application: application.id, removed: hadOne }, () => [
    hadOne ? `${application.name} needs no secret any more.` : `${application.name} had no secret.`,
  ])
}
