import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { CommandError } from '../errors.ts'
import { type KeyRing, loadKeyFile, open, seal } from './ring.ts'

const CHECK = 'key_check'
const CHECK_TEXT = 'this house'

/** Loads the ring and proves it on the house: data that another ring sealed is never met with a new one. */
export async function loadHouseKeys(config: Config, database: Database): Promise<KeyRing> {
  const sealed = await findKeyCheck(database)
  const ring = config.keys ?? loadKeyFile(keyFile(config), sealed === undefined)
  if (sealed === undefined) await noteKeyCheck(database, seal(ring, CHECK, CHECK_TEXT))
  // Read back where it was just noted: of two first starts with two rings one noted it, and the other is wrong here.
  const noted = sealed ?? (await findKeyCheck(database)) ?? ''
  if (open(ring, CHECK, noted) !== CHECK_TEXT) {
    throw new CommandError(
      `The key ring (${config.keys ? 'LICENSE_KEYS' : keyFile(config)}) is not the one that this database was sealed with. Bring the right one back from your backup, or copy it from the node that started this house.`,
    )
  }
  return ring
}

export function keyFile(config: Config): string {
  return join(config.dataDir, 'keys.json')
}

async function noteKeyCheck(database: Database, value: string): Promise<void> {
  await database.transaction((tx) =>
    tx
      .insertInto('house')
      .values({ name: CHECK, value })
      .onConflict((c) => c.column('name').doNothing())
      .execute(),
  )
}

async function findKeyCheck(database: Database): Promise<string | undefined> {
  const row = await database.read.selectFrom('house').select('value').where('name', '=', CHECK).executeTakeFirst()
  return row?.value
}
