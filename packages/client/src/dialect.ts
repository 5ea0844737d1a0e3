import { readPermissions, type ToldPermissions } from './answers.ts'
import type { Call } from './connection.ts'
import type { CallOptions } from './deadline.ts'
import { LicenseError } from './errors.ts'
import type { Answer } from './http.ts'
import type { Company, CompanyPermissions } from './permissions.ts'

/** Sends one of a session's requests: a GET unless told. */
export type Ask = (call: Pick<Call, 'name' | 'path'> & Partial<Call>, options: CallOptions) => Promise<Answer>

/** How a session's server tells permissions: by company, or, in the flat dialect, those of the one company that a user has there. */
export class Dialect {
  readonly #ask: Ask
  readonly #askCompany: (options: CallOptions) => Promise<Company | null>
  #isFlat = false
  #flatCompany: Company | null = null

  constructor(ask: Ask, askCompany: (options: CallOptions) => Promise<Company | null>) {
    this.#ask = ask
    this.#askCompany = askCompany
  }

  /** Known once the server used it. */
  get isFlat(): boolean {
    return this.#isFlat
  }

  /** What a sign-in told. */
  hear(told: ToldPermissions): readonly CompanyPermissions[] {
    if (!told.flat) return told.companies
    return this.#ofOneCompany(told.company, told.slugs)
  }

  async askAll(options: CallOptions): Promise<readonly CompanyPermissions[]> {
    if (this.#isFlat) return this.#askFlat(options)
    let answer: Answer
    try {
      answer = await this.#ask({ name: 'permissions', path: 'auth/get-permissions/' }, options)
    } catch (error) {
      if (!(error instanceof LicenseError) || error.status !== 404) throw error
      // Perhaps a server of the flat dialect, which has another address for this. If not, the first answer is the one to tell.
      return this.#askFlat(options).catch((second) => {
        throw second instanceof LicenseError && second.status === 404 ? error : second
      })
    }
    const told = readPermissions(answer)
    if (!told.flat) return told.companies
    return told.company ? this.#ofOneCompany(told.company, told.slugs) : this.#askFlat(options)
  }

  /**
   * The flat answer does not say which company it is for, the profile does; and the company may change between the two. So the
   * profile is asked before and after, until both agree: no company gets the permissions of another.
   */
  async #askFlat(options: CallOptions): Promise<readonly CompanyPermissions[]> {
    let before = this.#isFlat ? this.#flatCompany : await this.#askCompany(options)
    for (;;) {
      const answer = await this.#ask({ name: 'permissions', path: 'auth/users/permissions/' }, options)
      const told = readPermissions(answer)
      if (!told.flat) return told.companies
      if (told.company) return this.#ofOneCompany(told.company, told.slugs)
      const after = await this.#askCompany(options)
      if (after?.id === before?.id) return this.#ofOneCompany(after, told.slugs)
      before = after
    }
  }

  #ofOneCompany(company: Company | null, slugs: readonly string[]): readonly CompanyPermissions[] {
    this.#isFlat = true
    this.#flatCompany = company
    return company ? [{ ...company, permissions: slugs }] : []
  }
}
