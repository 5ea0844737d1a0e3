import type { Json } from './description.ts'
import { Pick } from './values.ts'

const MOST = 60

/** What there is in the house that requests can name: given at first, then learnt from answers. */
export class Known {
  readonly #lists: Map<string, string[]>
  /** The house's own, which more happens with than with what was made by chance. */
  readonly #own: Map<string, readonly string[]>
  /** Of what must stay, such as the keys that are asked with. */
  readonly #kept: ReadonlySet<string>

  constructor(lists: Record<string, readonly string[]>, kept: readonly string[] = []) {
    this.#lists = new Map(Object.entries(lists).map(([kind, list]) => [kind, [...list]]))
    this.#own = new Map(Object.entries(lists))
    this.#kept = new Set(kept)
  }

  pick({ kind, nth }: Pick): string {
    const list = (nth % 3 > 0 ? this.#own.get(kind) : undefined) ?? this.#lists.get(kind) ?? []
    return list[Math.floor(nth / 3) % list.length] ?? 'nothing'
  }

  /** The newest take the place of older ones, so that the list stays as long as it was. */
  add(kind: string, value: unknown): void {
    if (typeof value !== 'string' || this.#kept.has(value)) return
    const list = this.#lists.get(kind) ?? []
    this.#lists.set(kind, list)
    if (list.includes(value)) return
    list.push(value)
    // The house's own are the first ones.
    if (list.length > MOST) list.splice(Math.floor(MOST / 2), 1)
  }

  newest(kind: string): string | undefined {
    return this.#lists.get(kind)?.at(-1)
  }

  /** From an answer to an operation, with the parameters of its address. */
  learn(operation: string, body: Json, { application }: Record<string, string>): void {
    const [noun = ''] = operation.split('.')
    const kind = {
      users: 'user',
      companies: 'company',
      grants: 'grant',
      apiKeys: 'api-key',
      applications: 'application',
      imports: 'import',
    }[noun]
    const items: Json[] = Array.isArray(body?.items) ? body.items.slice(0, 20) : [body]
    for (const item of items) {
      if (kind) this.add(kind, item?.id)
      if (noun === 'users') this.add('email', item?.email)
      if (noun === 'roles') this.add('role', item?.key)
    }
    if (operation === 'users.create') this.add('spare user', body?.id)
    if (operation === 'applications.replaceSecret') this.add(`secret ${application}`, body?.secret)
    if (operation === 'auth.signIn') this.add('token', body?.token)
    this.add(`cursor ${operation}`, body?.next_cursor)
    this.add('cursor', body?.next_cursor)
  }

  /** With what is there in place of what stands for it. */
  resolve(value: unknown): unknown {
    if (value instanceof Pick) return this.pick(value)
    if (Array.isArray(value)) return value.map((each) => this.resolve(each))
    if (typeof value !== 'object' || value === null) return value
    const copy: Record<string, unknown> = {}
    for (const key of Object.keys(value))
      Object.defineProperty(copy, key, {
        value: this.resolve((value as Record<string, unknown>)[key]),
        enumerable: true,
        configurable: true,
        writable: true,
      })
    return copy
  }
}
