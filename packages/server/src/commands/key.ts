import { type Command, InvalidArgumentError } from 'commander'
import { COMMAND_LINE } from '../audit/actor.ts'
import type { Context } from '../context.ts'
import { findKey, findStanding, listKeys, type StoredKey } from '../credentials/api-key-store.ts'
import { createKey, endKey } from '../credentials/api-keys.ts'
import { isWellFormed, secretHash } from '../credentials/secrets.ts'
import { writeEnd } from '../domain/day.ts'
import { isScope, type Power, SCOPES, type Scope } from '../domain/power.ts'
import { CommandError } from '../errors.ts'
import { requireApplicationCalled, requireCompany, requireUser, wholeNumber, wrongUse } from './find.ts'
import { print, withHouse } from './report.ts'
import { table } from './table.ts'

type Options = { json?: boolean }
type Wanted = Options & {
  name: string
  operator?: boolean
  support?: boolean
  company?: string
  application?: string
  user?: string
  scope?: Scope[]
  days?: number
}

const DAY = 86_400_000

export function keyCommand(program: Command): void {
  const key = program.command('key').description('API keys: make one, see them, revoke one.')
  key
    .command('create')
    .description('Make an API key. It is shown this once.')
    .requiredOption('--name <text>', 'what it is for, for people')
    .option('--operator', 'it may run the whole house')
    .option('--support', 'it may look at everything')
    .option('--company <name or id>', 'it may run this company')
    .option('--application <id>', "it may run this application's permissions")
    .option('--user <email>', 'it stands for this user, and can do no more than the user at the moment')
    .option('--scope <scope...>', 'limit it, such as users:read', readScope)
    .option('--days <number>', 'it expires after so many days', wholeNumber(1, 3650))
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ license-server key create --name setup --operator\n  $ license-server key create --name "ACME admin" --company ACME --user anna@acme.example --days 365',
    )
    .action((options: Wanted, command: Command) => {
      const chosen = [options.operator, options.support, options.company, options.application]
      if (chosen.filter((each) => each !== undefined).length !== 1)
        wrongUse(command, 'give one of --operator, --support, --company or --application')
      return withHouse((ctx) => create(ctx, options))
    })
  key
    .command('list')
    .description('List the API keys, the oldest first.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server key list')
    .action((options: Options) => withHouse((ctx) => list(ctx, options)))
  key
    .command('revoke')
    .argument('<id or key>')
    .description('Revoke an API key, from the very next request on.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server key revoke 0199c0de-7a11-7000-8000-000000000001')
    .action((id: string, options: Options) => withHouse((ctx) => revoke(ctx, id, options)))
}

function readScope(typed: string, before: Scope[] = []): Scope[] {
  if (!isScope(typed)) throw new InvalidArgumentError(`There are ${SCOPES.join(', ')}.`)
  return [...before, typed]
}

async function create(ctx: Context, options: Wanted): Promise<void> {
  const power = await readPower(ctx, options)
  const user = options.user === undefined ? undefined : await requireUser(ctx, options.user)
  const { id, secret } = await createKey(ctx, COMMAND_LINE, {
    name: options.name,
    power,
    userId: user?.id ?? null,
    scopes: options.scope ?? ['*'],
    expiresAt: options.days === undefined ? null : ctx.now() + options.days * DAY,
  })
  print(options.json, { id, key: secret }, () => [
    secret,
    'Keep it: it is shown this once, and only its hash is stored.',
    `Use it as LICENSE_API_KEY, or as "Authorization: Bearer …". \`license-server key revoke ${id}\` ends it.`,
  ])
}

async function readPower(ctx: Context, options: Wanted): Promise<Power> {
  if (options.company !== undefined)
    return { kind: 'company', companyId: (await requireCompany(ctx, options.company)).id }
  if (options.application !== undefined)
    return { kind: 'application', applicationId: (await requireApplicationCalled(ctx, options.application)).id }
  return { kind: options.operator ? 'operator' : 'support' }
}

const PAGE = 200

async function list(ctx: Context, options: Options): Promise<void> {
  const keys: StoredKey[] = []
  for (let page = await listKeys(ctx.db.read, { limit: PAGE }); page.length > 0; ) {
    keys.push(...page)
    page = await listKeys(ctx.db.read, { limit: PAGE, after: page.at(-1)?.id })
  }
  print(options.json, keys, () => {
    if (keys.length === 0)
      return ['There are no API keys. `license-server key create --name setup --operator` makes one.']
    const rows = keys.map((key) => [key.id, key.name, powerOf(key), key.scopes.join(' '), stateOf(ctx, key)])
    return table(['ID', 'NAME', 'MAY RUN', 'SCOPES', 'STATE'], rows)
  })
}

function powerOf({ power, user }: StoredKey): string {
  const what = {
    operator: 'the house',
    support: 'nothing, but look',
    company: `company ${power.kind === 'company' ? power.companyId : ''}`,
    application: `application ${power.kind === 'application' ? power.applicationId : ''}`,
  }[power.kind]
  return user ? `${what}, as ${user.email}` : what
}

function stateOf(ctx: Context, { revokedAt, expiresAt, lastUsedAt }: StoredKey): string {
  const { timeZone } = ctx.config
  if (revokedAt !== null) return 'revoked'
  if (expiresAt !== null && expiresAt <= ctx.now()) return 'expired'
  const used = lastUsedAt === null ? 'not used yet' : `used on ${writeEnd(lastUsedAt, timeZone)}`
  return expiresAt === null ? used : `${used}, until ${writeEnd(expiresAt, timeZone)}`
}

/** By its id, or by itself: whoever finds a key that leaked has nothing else. */
async function findNamed({ db }: Context, typed: string): Promise<StoredKey | undefined> {
  if (!isWellFormed('clk_', typed)) return findKey(db.read, typed.toLowerCase())
  return (await findStanding(db.read, db.kind, { hash: secretHash(typed) }, { holds: false }))?.key
}

async function revoke(ctx: Context, typed: string, options: Options): Promise<void> {
  const key = await findNamed(ctx, typed)
  // What was typed is not repeated: it may be most of a key.
  if (!key) throw new CommandError('There is no such API key. `license-server key list` shows them with their ids.')
  const revoked = await endKey(ctx, COMMAND_LINE, key.id)
  print(options.json, { id: key.id, revoked }, () => [
    revoked ? `The key "${key.name}" is revoked.` : `The key "${key.name}" was revoked already.`,
  ])
}
