import { existsSync } from 'node:fs'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { keyFile, loadHouseKeys } from '../keys/house-keys.ts'
import { loadKeyFile } from '../keys/ring.ts'

/** Why the key ring is not the one of this house, as a sentence; undefined when it is. Makes neither a ring nor a mark. */
export async function keyFault(config: Config, database: Database): Promise<string | undefined> {
  try {
    const mark = await database.read
      .selectFrom('house')
      .select('value')
      .where('name', '=', 'key_check')
      .executeTakeFirst()
    // With a mark, loading makes nothing: it proves the ring or says what is wrong.
    if (mark) await loadHouseKeys(config, database)
    else if (config.keys === undefined && existsSync(keyFile(config))) loadKeyFile(keyFile(config), false)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
