import { createHash } from 'node:crypto'
import type { Context } from '../context.ts'
import type { Db } from '../db/database.ts'
import { firstRefusal, permitted } from '../domain/effective.ts'
import type { ManifestDiff } from '../domain/manifest-diff.ts'
import { changedRoles, touchedPermissions } from '../domain/manifest-reach.ts'
import type { Tree } from '../domain/tree.ts'
import { SEATS_AT_ONCE } from './facts.ts'
import { type Given, type RolePermissions, readGiven, rolesOf } from './given.ts'
import * as store from './manifest-store.ts'
import { Named } from './named.ts'
import { Pauses } from './pauses.ts'

/** Seats that one plan judges at most, and for how long. Others are counted: a plan of any house ends before whoever asked gives up (docs/decisions/0012). */
const MAX_JUDGED = 200_000
const JUDGED_FOR_MS = 4_000
const PAGE = 5_000
const ROLES_AT_ONCE = 50
const MAX_REMEMBERED = 1_000

/** What somebody loses or gains in one company, as slugs of before or of after. */
export type Affected = { userId: string; companyId: string; slugs: readonly string[] }

export type People = {
  loses: Named<Affected>
  gains: Named<Affected>
  /** How many seats were judged, of those that the change can touch the ones with the lowest numbers; and how many were not. */
  judged: number
  notLookedAt: number
  /** Of all that were judged and what came out; equal when that is. */
  digest: string
}

/**
 * Who loses and who gains what, at this moment; undefined when the tree or a role was changed meanwhile. As many seats are judged as an
 * earlier plan did, else as there is time for.
 */
export async function listAffected(
  ctx: Context,
  applicationId: string,
  version: number,
  diff: ManifestDiff,
  wanted: number | undefined,
): Promise<People | undefined> {
  const since = performance.now()
  const { numbers, others } = await listTouchedSeats(ctx, applicationId, diff)
  const judge = new Judge(diff)
  const [losing, gaining] = [new Named<Affected>(), new Named<Affected>()]
  const digest = createHash('sha256').update(`${numbers.length} ${others}`)
  const now = ctx.now()
  const pauses = new Pauses()
  const end = Math.min(wanted ?? MAX_JUDGED, numbers.length)
  let judged = 0
  while (judged < end && (wanted !== undefined || performance.now() - since < JUDGED_FOR_MS)) {
    const some = [...numbers.subarray(judged, Math.min(judged + SEATS_AT_ONCE, end))]
    judged += some.length
    const seats = await ctx.facts.bySeats(some)
    const given = seats.flatMap(({ company }) => rolesOf(company.given))
    const roles = await ctx.roles.find(ctx.db.read, { id: applicationId, treeVersion: version }, given)
    if (!roles || seats.some(({ treeVersion }) => treeVersion !== version)) return undefined
    for (const seat of seats) {
      if (firstRefusal(seat.company, now)) continue
      const { loses, gains } = judge.compare(seat.company.given, roles, now)
      if (loses.length + gains.length === 0) continue
      digest.update(JSON.stringify([seat.number, loses, gains]))
      const of = { userId: seat.userId, companyId: seat.company.companyId }
      if (loses.length > 0) losing.add({ ...of, slugs: loses })
      if (gains.length > 0) gaining.add({ ...of, slugs: gains })
    }
    await pauses.pause()
  }
  const notLookedAt = others + numbers.length - judged
  return { loses: losing, gains: gaining, judged, notLookedAt, digest: digest.digest('base64url') }
}

/** Numbers of the seats whose list may become another one, in order, up to MAX_JUDGED; and at most how many others there are. */
async function listTouchedSeats(
  ctx: Context,
  applicationId: string,
  diff: ManifestDiff,
): Promise<{ numbers: Int32Array; others: number }> {
  const { read } = ctx.db
  const permissions = [...touchedPermissions(diff)]
  const holding = await store.listRolesHolding(read, permissions)
  const own = new Set([
    ...changedRoles(diff),
    ...holding.flatMap(({ id, companyId }) => (companyId === null ? id : [])),
  ])
  const companies = new Set(holding.flatMap(({ id, companyId }) => (companyId === null ? [] : id)))
  const seats = new TouchedSeats(read)
  for (const item of [...permissions, ...[...own].map((role) => -role)].sort((a, b) => a - b)) await seats.addItem(item)
  const ofCompanies = [...companies].map((role) => -role).sort((a, b) => a - b)
  for (let from = 0; from < ofCompanies.length; from += ROLES_AT_ONCE)
    await seats.addItems(ofCompanies.slice(from, from + ROLES_AT_ONCE))
  for (const companyId of await store.listCompaniesGiving(read, applicationId, [...own]))
    await seats.addCompany({ companyId, applicationId })
  return seats.found(applicationId)
}

class TouchedSeats {
  readonly #db: Db
  readonly #pauses = new Pauses()
  readonly #numbers = new Set<number>()
  /** At most so many others: what a seat has twice is counted twice. */
  #others = 0

  constructor(db: Db) {
    this.#db = db
  }

  get #isFull(): boolean {
    return this.#numbers.size >= MAX_JUDGED
  }

  /** Of something that very many may have. */
  async addItem(item: number): Promise<void> {
    let after = 0
    for (let isMore = true; isMore && !this.#isFull; ) {
      const page = await store.listSeatsOf(this.#db, [item], { after, limit: PAGE })
      this.#add(page)
      after = page.at(-1) ?? after
      isMore = page.length === PAGE
      await this.#pauses.pause()
    }
    if (this.#isFull) this.#others += await store.countGrantsOf(this.#db, [item], after)
    await this.#pauses.pause()
  }

  /** Of roles of companies, whose members may have them. */
  async addItems(items: readonly number[]): Promise<void> {
    if (this.#isFull) this.#others += await store.countGrantsOf(this.#db, items)
    else this.#add(await store.listSeatsOf(this.#db, items))
    await this.#pauses.pause()
  }

  /** All that a company's license gives something to. */
  async addCompany(of: { companyId: string; applicationId: string }): Promise<void> {
    if (this.#isFull) this.#others += await store.countSeatsOfCompany(this.#db, of)
    await this.#pauses.pause()
    for (let after = '', isMore = !this.#isFull; isMore; ) {
      const page = await store.listSeatsOfCompany(this.#db, of, after, PAGE)
      this.#add(page.map(({ number }) => number))
      after = page.at(-1)?.userId ?? after
      isMore = page.length === PAGE
      await this.#pauses.pause()
    }
  }

  #add(numbers: readonly number[]): void {
    for (const number of numbers) this.#numbers.add(number)
  }

  async found(applicationId: string): Promise<{ numbers: Int32Array; others: number }> {
    // Sorted in a tenth of the time that a list takes.
    const numbers = Int32Array.from(this.#numbers).sort()
    if (!this.#isFull) return { numbers, others: 0 }
    // A seat has many grants: no more are left than there are seats.
    const seats = await store.countSeats(this.#db, applicationId)
    const left = Math.min(this.#others + numbers.length, seats) - MAX_JUDGED
    return { numbers: numbers.slice(0, MAX_JUDGED), others: Math.max(0, left) }
  }
}

type Difference = { loses: readonly string[]; gains: readonly string[] }

/** Compares a seat's list of before with that of after, both by the code that answers applications. */
class Judge {
  readonly #diff: ManifestDiff
  /** What the application's own roles hold afterwards, by row number. */
  readonly #rolesAfter: ReadonlyMap<number, readonly number[]>
  /** Of what has no times: many seats of a house are alike. */
  readonly #known = new Map<string, Difference>()

  constructor(diff: ManifestDiff) {
    this.#diff = diff
    this.#rolesAfter = new Map(
      diff.roles.map(({ id, after }) => [
        id,
        (after?.permissions ?? []).map((slug) => diff.after.ids[diff.after.rankBySlug.get(slug) ?? -1] ?? 0),
      ]),
    )
  }

  compare(given: Given, roles: RolePermissions, now: number): Difference {
    const text = JSON.stringify([given.grants, given.licenseRoles, given.included])
    const known = this.#known.get(text)
    if (known) return known
    const [before, after] = [
      idsOf(this.#diff.before, given, roles, now),
      idsOf(this.#diff.after, given, this.#after(given, roles), now),
    ]
    const difference = {
      loses: slugsWithout(this.#diff.before, before, after),
      gains: slugsWithout(this.#diff.after, after, before),
    }
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear()
    if (!given.grants.includes(':')) this.#known.set(text, difference)
    return difference
  }

  #after(given: Given, roles: RolePermissions): RolePermissions {
    return new Map(rolesOf(given).map((role) => [role, this.#rolesAfter.get(role) ?? roles.get(role) ?? []]))
  }
}

/** Row numbers, since slugs may be others afterwards. */
function idsOf(tree: Tree, given: Given, roles: RolePermissions, now: number): Set<number> {
  const slugs = permitted(tree, readGiven(given, roles), now)
  return new Set(slugs.map((slug) => tree.ids[tree.rankBySlug.get(slug) ?? -1] ?? 0))
}

function slugsWithout(tree: Tree, ids: ReadonlySet<number>, others: ReadonlySet<number>): string[] {
  const left = [...ids].filter((id) => !others.has(id))
  return left.map((id) => tree.slugs[tree.rankById.get(id) ?? -1] ?? '')
}
