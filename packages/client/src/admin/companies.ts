import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'
import type { List, ListOptions, Page, PageWish } from './list.ts'

/** A customer organisation. */
export interface Company {
  id: string
  name: string
  active: boolean
  /** Its admins may act as its people. */
  allows_impersonation: boolean
  created_at: string
  updated_at: string
}

export interface NewCompany {
  id?: string | undefined
  /** No other company has it. */
  name: string
  active?: boolean | undefined
  allows_impersonation?: boolean | undefined
}

export interface CompanyChanges {
  name?: string | undefined
  /** Switched off, nobody may do anything for it; sessions for other companies live on. */
  active?: boolean | undefined
  /** Taken back, what its admins began ends. */
  allows_impersonation?: boolean | undefined
}

export interface CompanyQuery {
  /** The beginning of a name, or a whole id. */
  q?: string | undefined
}

export interface CompanyCalls {
  'GET /companies': { query: CompanyQuery & PageWish; answer: Page<Company> }
  'POST /companies': { body: NewCompany; answer: Company }
  'GET /companies/:company': { answer: Company }
  'PATCH /companies/:company': { body: CompanyChanges; answer: Company }
}

/** Customer organisations, by id. */
export class Companies {
  readonly #calls: Caller<CompanyCalls>

  /** @internal */
  constructor(connection: AdminConnection) {
    this.#calls = new Caller(connection)
  }

  /** By name, or those whose name begins so. */
  list(query: CompanyQuery = {}, options: ListOptions = {}): List<Company> {
    return this.#calls.list('GET /companies', { query }, options)
  }

  get(company: string, options: CallOptions = {}): Promise<Company> {
    return this.#calls.json('GET /companies/:company', { params: { company } }, options)
  }

  /** @throws Refused `already_there`, `id_taken`, … */
  create(company: NewCompany, options: CallOptions = {}): Promise<Company> {
    return this.#calls.json('POST /companies', { body: company }, options)
  }

  /** Changes the fields that are given. */
  update(company: string, changes: CompanyChanges, options: CallOptions = {}): Promise<Company> {
    return this.#calls.json('PATCH /companies/:company', { params: { company }, body: changes }, options)
  }
}
