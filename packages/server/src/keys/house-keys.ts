import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { CommandError } from '../errors.ts'
import { keyFileStamp, loadKeyFile } from './key-file.ts'
import { type KeyRing, keyIdOf, open, seal } from './ring.ts'
import { IF_GONE, type RingPlace, wrongRing } from './ring-place.ts'
import { findMark, noteMark, opensMark, sealMark } from './sealed.ts'

/**
 * The ring of this house as this process knows it. Where it lies in a file that was rotated meanwhile, it is read again
 * by itself, and taken when it proves to be this house's; so no restart is needed, and nothing is sealed with a key on
 * its way out.
 */
export class HouseKeys implements KeyRing {
  readonly place: RingPlace
  readonly #database: Database
  #ring: KeyRing
  #stamp: string | undefined

  constructor(database: Database, place: RingPlace, ring: KeyRing, stamp: string | undefined) {
    this.#database = database
    this.place = place
    this.#ring = ring
    this.#stamp = stamp
  }

  get keys(): ReadonlyMap<string, Buffer> {
    return this.#ring.keys
  }

  get current(): string {
    return this.#ring.current
  }

  /** Seals with the key that is current now. */
  async seal(purpose: string, text: string): Promise<string> {
    // A file that is damaged or gone meanwhile is told by `prove`; the ring in memory is this house's, whatever happens to the file.
    await this.#readAgain().catch(() => undefined)
    return seal(this.#ring, purpose, text)
  }

  /** @throws CommandError that says what to do when it can't be opened */
  async open(purpose: string, sealed: string): Promise<string> {
    const id = keyIdOf(sealed) ?? ''
    if (!this.#ring.keys.has(id)) await this.#readAgain()
    const text = open(this.#ring, purpose, sealed)
    if (text !== undefined) return text
    if (!this.#ring.keys.has(id)) throw this.#lacks(id)
    throw new CommandError(
      `Something that is sealed with the key ${id} does not open: it was changed, or that key was. \`license-server keys check\` says more.`,
    )
  }

  /** Takes a rotated ring, and shows that it is still the one of this house. @throws CommandError when it is not */
  async prove(): Promise<void> {
    await this.#readAgain()
    const sealed = await findMark(this.#database.read)
    if (sealed !== undefined && !opensMark(this.#ring, sealed)) throw wrongRing(this.place, this.#ring, sealed)
  }

  async #readAgain(): Promise<void> {
    if (this.place.kind === 'setting') return
    const stamp = keyFileStamp(this.place.file)
    if (stamp !== undefined && stamp === this.#stamp) return
    const ring = loadKeyFile(this.place.file, false)
    const sealed = await findMark(this.#database.read)
    if (sealed !== undefined && !opensMark(ring, sealed)) throw wrongRing(this.place, ring, sealed)
    this.#ring = ring
    this.#stamp = stamp
  }

  #lacks(id: string): CommandError {
    const { kind, name } = this.place
    const todo =
      kind === 'setting'
        ? 'Set it to the ring that `license-server keys` printed, as on the other nodes, and restart this one.'
        : 'Copy the ring from the node where it was rotated; it is read again by itself.'
    return new CommandError(`Something is sealed with the key ${id}, which the key ring (${name}) lacks. ${todo}`)
  }
}

export function keyFile(config: Config): string {
  return join(config.dataDir, 'keys.json')
}

export function ringPlace(config: Config): RingPlace {
  const { keys, keysFile } = config
  if (keysFile !== undefined) return { kind: 'file', file: keysFile, name: `LICENSE_KEYS_FILE, ${keysFile}` }
  if (keys !== undefined) return { kind: 'setting', ring: keys, name: 'LICENSE_KEYS' }
  return { kind: 'file', file: keyFile(config), name: keyFile(config) }
}

/** Loads the ring and proves it on the house: data that another ring sealed is never met with a new one. */
export async function loadHouseKeys(config: Config, database: Database): Promise<HouseKeys> {
  const place = ringPlace(config)
  // The mark before the ring: a rotation writes the ring first, so that a mark that was seen always finds its key.
  const sealed = await findMark(database.read)
  const stamp = place.kind === 'file' ? keyFileStamp(place.file) : undefined
  const ring = loadRing(place, sealed === undefined)
  if (sealed === undefined) await database.transaction((tx) => noteMark(tx, sealMark(ring)))
  // Read back where it was just noted: of two first starts with two rings one noted it, and the other is wrong here.
  const noted = sealed ?? (await findMark(database.read)) ?? ''
  if (!opensMark(ring, noted)) throw wrongRing(place, ring, noted)
  return new HouseKeys(database, place, ring, stamp)
}

function loadRing(place: RingPlace, mayMake: boolean): KeyRing {
  if (place.kind === 'setting') return place.ring
  try {
    return loadKeyFile(place.file, mayMake)
  } catch (error) {
    if (mayMake || !(error instanceof CommandError)) throw error
    throw new CommandError(...error.lines, IF_GONE)
  }
}
