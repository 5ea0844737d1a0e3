import type { Database, Tx } from '../db/database.ts'
import { readMoment } from '../domain/day.ts'
import { END_OF_TIME, type Interval, START_OF_TIME } from '../domain/interval.ts'
import { UUID } from '../domain/limits.ts'
import type { Fault } from '../errors.ts'
import type { KeyRing } from '../keys/ring.ts'

export type Kind =
  | 'companies'
  | 'applications'
  | 'permissions'
  | 'roles'
  | 'licenses'
  | 'users'
  | 'memberships'
  | 'seats'
  | 'grants'
export type Counts = Record<Kind, { added: number; changed: number }>

/** What the steps of one seeding share. Faults are gathered; any at all takes everything back. */
export class Seeding {
  readonly tx: Tx
  readonly now: number
  readonly zone: string
  readonly keys: KeyRing
  readonly kind: Database['kind']
  /** Whether an address of a deleted user is given to a new one. */
  readonly takesUpDeleted: boolean
  readonly faults: Fault[] = []
  readonly counts: Counts
  /** Applications whose permissions or roles are others now. */
  readonly changedTrees = new Set<string>()
  readonly #companies = new Map<string, { id: string; name: string } | 'many' | undefined>()
  readonly #seen = new Map<string, string>()

  constructor(
    tx: Tx,
    house: { now: number; zone: string; keys: KeyRing; kind: Database['kind']; takesUpDeleted: boolean },
  ) {
    this.tx = tx
    this.now = house.now
    this.zone = house.zone
    this.keys = house.keys
    this.kind = house.kind
    this.takesUpDeleted = house.takesUpDeleted
    const zero = () => ({ added: 0, changed: 0 })
    this.counts = {
      companies: zero(),
      applications: zero(),
      permissions: zero(),
      roles: zero(),
      licenses: zero(),
      users: zero(),
      memberships: zero(),
      seats: zero(),
      grants: zero(),
    }
  }

  fault(path: string, message: string): undefined {
    this.faults.push({ path, message })
    return undefined
  }

  /** False, with a fault, when the same thing stood earlier in the file. */
  isFirst(path: string, kind: string, key: string): boolean {
    const id = `${kind} ${key}`
    const earlier = this.#seen.get(id)
    if (earlier === undefined) this.#seen.set(id, path)
    else this.fault(path, `is the same as ${earlier}: write it once`)
    return earlier === undefined
  }

  /** A company by its name or id. Undefined, with a fault, when there is none or more than one. */
  async company(path: string, nameOrId: string): Promise<{ id: string; name: string } | undefined> {
    if (!this.#companies.has(nameOrId)) this.#companies.set(nameOrId, await this.#lookUp(nameOrId))
    const found = this.#companies.get(nameOrId)
    if (found === 'many') return this.fault(path, `there is more than one company "${nameOrId}": give its id`)
    return found ?? this.fault(path, `no company "${nameOrId}"`)
  }

  /** After companies were written, so that they are looked up as they are now. */
  forgetCompanies(): void {
    this.#companies.clear()
  }

  async #lookUp(nameOrId: string): Promise<{ id: string; name: string } | 'many' | undefined> {
    const query = this.tx.selectFrom('companies').select(['id', 'name'])
    if (UUID.test(nameOrId)) {
      const byId = await query.where('id', '=', nameOrId.toLowerCase()).executeTakeFirst()
      if (byId) return byId
    }
    const byName = await query.where('name', '=', nameOrId).limit(2).execute()
    return byName.length > 1 ? 'many' : byName[0]
  }

  /** A bound as it is written; undefined where it is absent or wrong (a fault). Null opens it. */
  bound(path: string, text: string | null | undefined, as: 'start' | 'end'): number | undefined {
    if (text === undefined) return undefined
    if (text === null) return as === 'start' ? START_OF_TIME : END_OF_TIME
    const at = readMoment(text, this.zone, as)
    if (at !== undefined) return at
    const example = as === 'start' ? '2026-01-01 or 2026-01-01T09:00:00Z' : '2026-12-31 or 2026-12-31T18:00:00Z'
    return this.fault(path, `"${text}" is no day and no moment with an offset; write ${example}`)
  }

  /** Two bounds over what was there. Undefined, with a fault, when the end is not after the start. */
  interval(
    path: string,
    given: { starts_at?: string | null | undefined; ends_at?: string | null | undefined },
    names: readonly [string, string],
    before: Interval = { startsAt: START_OF_TIME, endsAt: END_OF_TIME },
  ): Interval | undefined {
    const faults = this.faults.length
    const startsAt = this.bound(`${path}/${names[0]}`, given.starts_at, 'start') ?? before.startsAt
    const endsAt = this.bound(`${path}/${names[1]}`, given.ends_at, 'end') ?? before.endsAt
    if (this.faults.length > faults) return undefined
    if (startsAt < endsAt) return { startsAt, endsAt }
    return this.fault(`${path}/${names[1]}`, 'the end must come after the start')
  }
}

export function toSwitch(value: boolean | undefined): 0 | 1 | undefined {
  return value === undefined ? undefined : value ? 1 : 0
}

/** The fields that were given and differ from what is stored; undefined when nothing does. */
export function differences<T extends object>(
  stored: T,
  given: { [K in keyof T]?: T[K] | undefined },
): Partial<T> | undefined {
  const changed = Object.entries(given).filter(
    ([key, value]) => value !== undefined && value !== stored[key as keyof T],
  )
  return changed.length === 0 ? undefined : (Object.fromEntries(changed) as Partial<T>) // Its keys are of T.
}
