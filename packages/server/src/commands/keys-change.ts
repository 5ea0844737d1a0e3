import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { addCurrentKey, addKey, type ChangedRing, makeCurrent, removeKey, sealAnew } from '../keys/change-ring.ts'
import { writeKeyRing } from '../keys/ring.ts'
import { countByKey, SEALED } from '../keys/sealed.ts'
import { things } from './doctor-keys.ts'
import { print, withHouse } from './report.ts'

type Options = { json?: boolean }

const SEVERAL = `
Where each node has a ring of its own (LICENSE_KEYS, or a folder of its own), give every node the key before anything is
sealed with it. The ring that a command prints or writes goes to all nodes before the next one:
  $ license-server keys add
  $ license-server keys use k5f0c9d21
  $ license-server keys remove k1b2e7a90`

export function changeCommands(keys: Command): void {
  keys
    .command('rotate')
    .description(
      'Make a new key, seal with it from now on, and seal anew what older ones sealed. They stay, to open with. Stopped half way, it goes on when run again. Nobody is signed out.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExample:\n  $ license-server keys rotate\n${SEVERAL}`)
    .action((options: Options) => withHouse((ctx) => rotate(ctx, options), { isPatient: true }))
  keys
    .command('add')
    .description('Make a new key that only opens, until `keys use` makes it the current one.')
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExample:\n  $ license-server keys add\n${SEVERAL}`)
    .action((options: Options) => withHouse((ctx) => add(ctx, options)))
  keys
    .command('use')
    .argument('<key>', 'its id, as `keys list` shows it')
    .description('Seal with this key from now on, and seal anew what others sealed.')
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExample:\n  $ license-server keys use k5f0c9d21\n${SEVERAL}`)
    .action((id: string, options: Options) => withHouse((ctx) => use(ctx, id, options), { isPatient: true }))
  keys
    .command('remove')
    .argument('<key>', 'its id, as `keys list` shows it')
    .description('Take a key out of the ring with which nothing is sealed any more.')
    .option('--even-first', 'also the first one, by which addresses of deleted users are recognised')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ license-server keys remove k1b2e7a90')
    .action((id: string, options: Options & { evenFirst?: boolean }) => withHouse((ctx) => remove(ctx, id, options)))
}

async function rotate(ctx: Context, options: Options): Promise<void> {
  const { current, place } = ctx.keys
  const used = [...(await countByKey(ctx.db.read, SEALED)).keys()]
  const isBegun = used.some((id) => id !== undefined && id !== current && ctx.keys.keys.has(id))
  if (isBegun) {
    return finish(ctx, options, [
      `A change to the key ${current} had been begun; it is finished now. For a new key, rotate once more.`,
    ])
  }
  if (place.kind === 'setting') return add(ctx, options)
  const changed = await addCurrentKey(ctx.db, place)
  if (!changed.written) return add(ctx, options)
  await finish(ctx, options, [`The key ${changed.id} is made, and seals from now on. ${keepLine(ctx)}`])
}

async function add(ctx: Context, options: Options): Promise<void> {
  const changed = await addKey(ctx.db, ctx.keys.place)
  if (!changed.written) {
    return handOut(options, changed, [
      `The key ${changed.id} is new, and only opens. It is not stored: ${settingOf(ctx)} can't be written from here.`,
      `1. Set ${settingOf(ctx)} to the ring on standard output, on every node, and restart them one by one.`,
      `2. license-server keys use ${changed.id}`,
    ])
  }
  print(options.json, { key: changed.id, current: changed.ring.current, written: true }, () => [
    `The key ${changed.id} is made, and only opens until: license-server keys use ${changed.id}`,
    keepLine(ctx),
  ])
}

async function use(ctx: Context, id: string, options: Options): Promise<void> {
  if (id !== ctx.keys.current) {
    const changed = await makeCurrent(ctx.db, ctx.keys.place, id)
    if (!changed.written) {
      return handOut(options, changed, [
        `The ring on standard output seals with ${id}. Set ${settingOf(ctx)} to it on every node, and restart them one by one.`,
        `Every node must have the key ${id} already, from \`license-server keys add\`.`,
        `Then once more: license-server keys use ${id}, which seals anew what older keys sealed.`,
      ])
    }
  }
  await finish(ctx, options, [`The key ${id} seals from now on. ${keepLine(ctx)}`])
}

async function finish(ctx: Context, options: Options, said: string[]): Promise<void> {
  const { sealed, unopened } = await sealAnew(ctx.db, ctx.keys)
  print(options.json, { key: ctx.keys.current, written: true, sealedAnew: sealed, unopened }, () => [
    ...said,
    `${sealed === 1 ? '1 value' : `${sealed} values`} sealed anew. Nobody was signed out.`,
    ...(unopened > 0 ? [`${things(unopened)} left, which no key here opens: license-server keys check`] : []),
    ...(ctx.db.kind === 'postgres'
      ? ['Nodes that share this file read it again by themselves. To those that do not, copy it now.']
      : []),
  ])
  if (unopened > 0) process.exitCode = 1
}

async function remove(ctx: Context, id: string, options: Options & { evenFirst?: boolean }): Promise<void> {
  const [first] = ctx.keys.keys.keys()
  const changed = await removeKey(ctx.db, ctx.keys.place, id, { evenFirst: options.evenFirst ?? false })
  const said = [
    'Backups from before the rotation need it: keep the ring of then with them, or delete them.',
    ...(id === first
      ? ['It was the first of the ring: wrong passwords for names without an account are counted anew.']
      : []),
  ]
  if (!changed.written) {
    return handOut(options, changed, [
      `The ring on standard output is without ${id}. Set ${settingOf(ctx)} to it on every node.`,
      ...said,
    ])
  }
  print(options.json, { key: id, current: changed.ring.current, written: true }, () => [
    `The key ${id} is out of the ring.`,
    ...said,
  ])
}

/** The ring alone on standard output, so that it can be led into a file; what to do with it beside. */
function handOut(options: Options, changed: ChangedRing, instructions: string[]): void {
  for (const line of instructions) process.stderr.write(`${line}\n`)
  const ring = writeKeyRing(changed.ring)
  print(options.json, { key: changed.id, current: ring.current, written: false, ring }, () => [JSON.stringify(ring)])
}

function settingOf({ keys }: Context): string {
  return keys.place.name
}

function keepLine({ keys }: Context): string {
  return `Keep a copy of ${keys.place.name} apart from the backups.`
}
