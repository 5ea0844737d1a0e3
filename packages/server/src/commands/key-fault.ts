import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { examineKeys, ringFault } from '../keys/examine.ts'
import { ringPlace } from '../keys/house-keys.ts'

/** Why the key ring is not the one of this house, as a sentence; undefined when it is. Makes neither a ring nor a mark. */
export async function keyFault(config: Config, database: Database): Promise<string | undefined> {
  const { fault } = await examineKeys(database.read, ringPlace(config))
  // What to do when it is gone for good is about the house that stands, not about a file.
  return fault?.split('\n')[0]
}

/** The same of a mark alone, as it lies in a backup. */
export function markFault(config: Config, mark: string | undefined): string | undefined {
  return ringFault(ringPlace(config), mark)?.split('\n')[0]
}
