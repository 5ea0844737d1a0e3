import { usualInit } from '../connection.ts'
import type { CallOptions } from '../deadline.ts'
import { LicenseServerUnavailable } from '../errors.ts'
import { type Answer, isUndone, type Outgoing, send } from '../http.ts'
import { CLIENT } from '../version.ts'
import type { AdminConnection } from './connection.ts'
import { streamLines } from './lines.ts'
import { List, type ListOptions, type Page, type PageWish } from './list.ts'
import { adminRefusal } from './refused.ts'

/** What one call of the admin API takes and answers; `answer` is null where there is none. */
export type CallForm = { query?: object; body?: object; answer: unknown }

/** The names in an address: `user` of `GET /users/:user`. */
type ParamNames<L extends string> = L extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamNames<Rest>
  : L extends `${string}:${infer Name}`
    ? Name
    : never

type Sent<L extends string, F> = ([ParamNames<L>] extends [never]
  ? object
  : { params: Record<ParamNames<L>, string> }) &
  (F extends { query: infer Q } ? { query?: Q } : object) &
  (F extends { body: infer B } ? { body: B } : object)

type ItemOf<A> = A extends { items: (infer T)[] } ? T : never

type AnySent = { params?: Record<string, string>; query?: object; body?: object }

/** What a call takes that is not read as its noun's own. */
type Extras = CallOptions & { ifMatch?: string | undefined }

/** No GET, but a second time does no harm. */
type Harmless = { harmless?: boolean }

/** Sends the calls of one noun, by the table of its addresses: `GET /users/:user` → what goes there and what comes back. */
export class Caller<Calls extends { [L in keyof Calls]: CallForm }> {
  readonly #connection: AdminConnection

  constructor(connection: AdminConnection) {
    this.#connection = connection
  }

  /** The answer as it is. */
  async json<L extends keyof Calls & string>(
    line: L,
    sent: Sent<L, Calls[L]>,
    options: Extras & Harmless = {},
  ): Promise<Calls[L]['answer']> {
    return (await this.#send(line, sent, options)).body
  }

  /** The answer with the ETag that it came with. */
  async tagged<L extends keyof Calls & string>(
    line: L,
    sent: Sent<L, Calls[L]>,
    options: Extras = {},
  ): Promise<Calls[L]['answer'] & { readonly etag: string }> {
    const answer = await this.#send(line, sent, options)
    // A proxy that compresses makes it a weak one; the state that it names is the same.
    const etag = answer.etag?.replace(/^W\//, '')
    if (!etag) throw answer.wrong('the header ETag', 'there')
    return { ...answer.body, etag }
  }

  /** Nothing comes back. */
  async done<L extends keyof Calls & string>(line: L, sent: Sent<L, Calls[L]>, options: Extras = {}): Promise<void> {
    await this.#exchange(line, sent, options)
  }

  list<L extends keyof Calls & string>(
    line: L,
    sent: Sent<L, Calls[L]>,
    options: ListOptions = {},
  ): List<ItemOf<Calls[L]['answer']>> {
    const { query, ...rest }: AnySent = sent
    return new List(async (wish: PageWish, more: CallOptions) => {
      const answer = await this.#send(line, { ...rest, query: { ...query, ...wish } }, more)
      const page = readPage<ItemOf<Calls[L]['answer']>>(answer)
      // It would never end.
      if (page.next_cursor !== null && page.next_cursor === wish.cursor) throw answer.wrong('/next_cursor', 'a new one')
      return page
    }, options)
  }

  /** Of a list that comes as a whole. */
  whole<L extends keyof Calls & string>(
    line: L,
    sent: Sent<L, Calls[L]>,
    options: ListOptions = {},
  ): List<ItemOf<Calls[L]['answer']>> {
    return new List(async (_wish, more) => readPage(await this.#send(line, sent, more)), options)
  }

  /** Of a long text, line by line. */
  lines<L extends keyof Calls & string>(
    line: L,
    sent: Sent<L, Calls[L]>,
    options: CallOptions = {},
  ): AsyncGenerator<string, void, undefined> {
    return streamLines(this.#connection, this.#outgoing(line, sent, {}), options)
  }

  async #send(line: string, sent: AnySent, options: Extras & Harmless): Promise<Answer> {
    const answer = await this.#exchange(line, sent, options)
    if (Object.keys(answer.body).length === 0) throw answer.wrong('the whole', 'an object with fields')
    return answer
  }

  async #exchange(line: string, sent: AnySent, options: Extras & Harmless): Promise<Answer> {
    const outgoing = this.#outgoing(line, sent, options)
    try {
      return await send(this.#connection, outgoing, options)
    } catch (error) {
      throw outgoing.repeatable === 'undone' ? withDoubt(error) : error
    }
  }

  #outgoing(line: string, sent: AnySent, { ifMatch, harmless }: { ifMatch?: string | undefined } & Harmless): Outgoing {
    const [method = '', pattern = ''] = line.split(' ')
    const { address, apiKey, credentials } = this.#connection
    const secrets = secretsOf(apiKey, sent.body)
    return {
      label: line,
      url: `${address}/api/v1/admin${fillPath(pattern, sent.params ?? {})}${queryOf(sent.query ?? {})}`,
      init: (signal) => ({
        method,
        headers: {
          Accept: 'application/json, application/problem+json',
          'X-License-Client': CLIENT,
          ...(apiKey !== undefined && { Authorization: `Bearer ${apiKey}` }),
          ...(sent.body && { 'Content-Type': 'application/json' }),
          ...(ifMatch !== undefined && { 'If-Match': ifMatch }),
        },
        ...(sent.body && { body: JSON.stringify(sent.body) }),
        ...usualInit(signal),
        // A key goes alone: a cookie beside it could be somebody else's. Workers know no `credentials` and throw at it.
        ...(typeof Request === 'function' &&
          'credentials' in Request.prototype && { credentials: credentials ?? ('omit' as const) }),
      }),
      secrets,
      // A second time, a change may meet what the first one made: "there already", "not found".
      repeatable: method === 'GET' || harmless ? 'always' : 'undone',
      refusal: (head, body) => adminRefusal(head, body, secrets),
    }
  }
}

/** Of a change that was sent, and that nobody answered for. */
function withDoubt(error: unknown): unknown {
  if (!(error instanceof LicenseServerUnavailable) || isUndone(error)) return error
  // Nobody was there to do it.
  if (error.code === 'unreachable' && /\((?:ECONNREFUSED|ENOTFOUND|EHOSTUNREACH)\)/.test(error.message)) return error
  const { message, code, status, requestId, retryAfter, cause } = error
  const told = `${message.replace(/[.]$/, '')}. It may have been done all the same: look before you send it again.`
  return new LicenseServerUnavailable(told, { code, status, requestId, retryAfter, cause })
}

function readPage<T>(answer: Answer): Page<T> {
  const { items, next_cursor = null } = answer.body
  if (!Array.isArray(items)) throw answer.wrong('/items', 'a list')
  if (next_cursor !== null && typeof next_cursor !== 'string') throw answer.wrong('/next_cursor', 'a string or null')
  return { items, next_cursor }
}

function secretsOf(apiKey: string | undefined, body: object | undefined): string[] {
  const password = body && 'password' in body ? body.password : undefined
  return [apiKey, password].filter((each) => typeof each === 'string' && each !== '') as string[] // filtered
}

/** @throws TypeError for an id that can't be part of an address */
function fillPath(pattern: string, params: Record<string, string>): string {
  return pattern.replace(/:(\w+)/g, (_, name: string) => {
    const value = params[name]
    if (typeof value !== 'string' || value === '') throw new TypeError(`${name} is missing: it must be a text`)
    // Any client would read them as a way through the folders of the address.
    if (value === '.' || value === '..') throw new TypeError(`${name} must not be "${value}"`)
    return encodeURIComponent(value)
  })
}

function queryOf(query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null)
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return text === '' ? '' : `?${text}`
}
