const MAX_NAMED = 1_000
const MAX_SLUGS = 50_000

/** Of very many the first, so that they can be read; and how many there are. */
export class Named<T extends { slugs: readonly string[] }> {
  readonly first: T[] = []
  #total = 0
  #slugs = 0

  get total(): number {
    return this.#total
  }

  add(each: T): void {
    this.#total++
    this.#slugs += each.slugs.length
    if (this.first.length < MAX_NAMED && this.#slugs <= MAX_SLUGS) this.first.push(each)
  }
}
