import { type Company, type CompanyPermissions, Permissions } from './permissions.ts'

/**
 * The newest that a session was told of its permissions. Answers may overtake each other: one that was asked for earlier never
 * replaces one that was asked for later, or a revoked permission would come back.
 */
export class LatestPermissions<Slugs extends string> {
  /** The newest answer, whole. */
  current = new Permissions<Slugs>()
  readonly #only: string | undefined
  #turns = 0
  #allTurn = 0
  readonly #companyTurns = new Map<string, number>()

  /** `only` is the one company that an impersonation is for. */
  constructor(only?: string) {
    this.#only = only
  }

  /** To be drawn when a question is sent, and given back with its answer. */
  ask(): number {
    return ++this.#turns
  }

  replaceAll(turn: number, companies: readonly CompanyPermissions[]): void {
    if (turn < this.#allTurn) return
    this.#allTurn = turn
    for (const [id, asked] of this.#companyTurns) if (asked < turn) this.#companyTurns.delete(id)
    const newer = (company: Company) => this.#companyTurns.has(company.id)
    const told = companies.filter((company) => this.#only === undefined || company.id === this.#only)
    this.#set([...told.filter((company) => !newer(company)), ...this.current.companies.filter(newer)])
  }

  /** `slugs` is undefined where the company is not accessible. */
  replaceCompany(turn: number, id: string, slugs: readonly string[] | undefined): void {
    if (turn < this.#allTurn || turn < (this.#companyTurns.get(id) ?? 0)) return
    this.#companyTurns.set(id, turn)
    const known = this.current.companies
    const before = known.find((company) => company.id === id)
    if (!slugs) this.#set(known.filter((company) => company !== before))
    else {
      const after = { id, name: before?.name ?? '', permissions: slugs }
      this.#set(before ? known.map((company) => (company === before ? after : company)) : [...known, after])
    }
  }

  /** Nothing is known any more, and no answer still under way changes that. */
  clear(): void {
    this.replaceAll(this.ask(), [])
  }

  #set(companies: readonly CompanyPermissions[]): void {
    this.current = new Permissions(companies)
  }
}
