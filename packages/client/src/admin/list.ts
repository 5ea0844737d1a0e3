import type { CallOptions } from '../deadline.ts'

/** A part of a list. `next_cursor` goes on after it; null where nothing comes. */
export interface Page<T> {
  items: T[]
  next_cursor: string | null
}

/** Which part of a list. */
export interface PageWish {
  /** How many at most: 1 to 200; 50 unless told. */
  limit?: number | undefined
  /** A page's `next_cursor`. */
  cursor?: string | undefined
}

/** What a list takes besides: each of its requests has `timeout` for itself. */
export interface ListOptions extends CallOptions {
  /** How many are asked for at once while it is gone through: 1 to 200; 100 unless told. */
  pageSize?: number | undefined
}

/**
 * All of something, asked for page by page while it is gone through: what comes after a `break` is not asked for. Nothing is asked
 * before it is used, and each use asks anew.
 *
 * @example
 * ```ts
 * for await (const user of admin.users.list({ q: 'an' })) console.log(user.email)
 * const { items, next_cursor } = await admin.users.list().page({ limit: 20 })
 * ```
 */
export class List<T> implements AsyncIterable<T> {
  readonly #ask: (wish: PageWish, options: CallOptions) => Promise<Page<T>>
  readonly #options: ListOptions

  /** @internal */
  constructor(ask: (wish: PageWish, options: CallOptions) => Promise<Page<T>>, options: ListOptions) {
    this.#ask = ask
    this.#options = options
  }

  /** One page. @throws LicenseError as any call */
  page(wish: PageWish = {}, options: CallOptions = {}): Promise<Page<T>> {
    return this.#ask(wish, { ...this.#options, ...options })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const limit = this.#options.pageSize ?? 100
    let cursor: string | undefined
    do {
      const page = await this.page({ limit, cursor })
      yield* page.items
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
  }

  /** All of it at once. A house may have a hundred thousand users: rather go through it where it may be long. */
  async toArray(): Promise<T[]> {
    const all: T[] = []
    for await (const each of this) all.push(each)
    return all
  }
}
