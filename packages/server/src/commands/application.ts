import type { Command } from 'commander'
import { COMMAND_LINE } from '../audit/actor.ts'
import type { Context } from '../context.ts'
import { switchApplication } from '../credentials/accounts.ts'
import { changeApplication, replaceSecret } from '../credentials/application-acts.ts'
import { listApplications } from '../directory/application-store.ts'
import { isNetwork } from '../domain/address.ts'
import { CommandError } from '../errors.ts'
import { requireApplicationCalled, wrongUse } from './find.ts'
import { print, withHouse } from './report.ts'
import { table } from './table.ts'

type Options = { json?: boolean }
type NetworkOptions = Options & { anywhere?: boolean }

export function applicationCommand(program: Command): void {
  const application = program
    .command('application')
    .description('See applications, switch them on and off, give them secrets, say where they may call from.')
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
  for (const [name, isActive] of [
    ['disable', false],
    ['enable', true],
  ] as const) {
    application
      .command(name)
      .argument('<id>')
      .description(
        isActive
          ? 'Switch an application on again. Sessions that have ended stay so.'
          : 'Switch an application off and end all sessions in it, from the very next request on.',
      )
      .option('--json', 'print JSON')
      .addHelpText('after', `\nExample:\n  $ license-server application ${name} crm`)
      .action((id: string, options: Options) => withHouse((ctx) => setActive(ctx, id, isActive, options)))
  }
  application
    .command('networks')
    .argument('<id>')
    .argument('[networks...]', 'networks such as 10.0.0.0/8, or single addresses')
    .description('Say from where an application may call, from the very next request on; without networks, show it.')
    .option('--anywhere', 'let it call from anywhere again')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server application networks crm 10.20.0.0/16 192.0.2.7')
    .action((id: string, networks: string[], options: NetworkOptions, command: Command) => {
      if (options.anywhere && networks.length > 0) wrongUse(command, 'give networks or --anywhere, not both')
      return withHouse((ctx) => setNetworks(ctx, id, networks, options))
    })
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
  const secret = await replaceSecret(ctx, COMMAND_LINE, application.id, 'new')
  print(options.json, { application: application.id, secret }, () => [
    secret ?? '',
    `This is the secret of ${application.name} from now on. Keep it: it is shown this once, and only its hash is stored.`,
  ])
}

async function removeSecret(ctx: Context, id: string, options: Options): Promise<void> {
  const application = await requireApplicationCalled(ctx, id)
  const hadOne = application.secretHash !== null
  if (hadOne) await replaceSecret(ctx, COMMAND_LINE, application.id, 'none')
  print(options.json, { application: application.id, removed: hadOne }, () => [
    hadOne ? `${application.name} needs no secret any more.` : `${application.name} had no secret.`,
  ])
}

async function setNetworks(ctx: Context, id: string, networks: string[], options: NetworkOptions): Promise<void> {
  const application = await requireApplicationCalled(ctx, id)
  const wrong = networks.filter((network) => !isNetwork(network))
  if (wrong.length > 0)
    throw new CommandError(
      `No address or network: ${wrong.join(', ')}. Write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32. Nothing was changed.`,
    )
  const isSet = options.anywhere === true || networks.length > 0
  if (isSet) await changeApplication(ctx, COMMAND_LINE, application.id, { sourceNetworks: networks })
  const now = isSet ? networks : (application.sourceNetworks ?? [])
  print(options.json, { application: application.id, networks: now }, () => [
    now.length === 0
      ? `${application.name} may be used from anywhere.`
      : `${application.name} may be used from ${now.join(', ')} only.`,
  ])
}

async function setActive(ctx: Context, id: string, isActive: boolean, options: Options): Promise<void> {
  const application = await requireApplicationCalled(ctx, id)
  await switchApplication(ctx, COMMAND_LINE, application.id, isActive)
  const changed = application.isActive !== isActive
  print(options.json, { application: application.id, isActive, changed }, () => {
    if (!changed) return [`${application.name} was switched ${isActive ? 'on' : 'off'} already.`]
    return [
      isActive
        ? `${application.name} is switched on.`
        : `${application.name} is switched off, and every session in it has ended.`,
    ]
  })
}
