import type { TestContext } from 'node:test'
import { type Seen, type StandIn, send, sendProblem, startServer } from './stand-in.ts'

/** How a server speaks: the protocol's plain shapes, the two older ones, or our own server's richer one. */
export type Form = 'plain' | 'flat-0.2' | 'flat-0.1' | 'rich'
export const FORMS: readonly Form[] = ['plain', 'flat-0.2', 'flat-0.1', 'rich']

export interface Company {
  id: string
  name: string
  permissions: string[]
}

export interface House extends StandIn {
  /** Anna's companies; the first is her primary one. In the flat forms it is her only one. */
  companies: Company[]
  tokens: Set<string>
  /** One-time tokens that were not used yet. */
  oneTime: Set<string>
  pin: string | null | undefined
  secret: string | undefined
  applicationActive: boolean
}

export const APPLICATION = 'crm'
export const EMAIL = 'anna@acme.test'
export const PASSWORD = 'Correct-Horse-1'
export const ONE_TIME = '3f2504e0-4f89-41d3-9a0c-0305e82c3301'
export const IMPERSONATED = 'clt_impersonated'

/** A License server in one of the protocol's forms, with one user, Anna. It refuses what PROTOCOL.md does not allow. */
export async function startHouse(t: TestContext, form: Form): Promise<House> {
  const house: Omit<House, keyof StandIn> = {
    companies: [
      { id: 'acme-id', name: 'ACME', permissions: ['use_app', 'list_invoices', 'create_invoice'] },
      { id: 'globex-id', name: 'Globex', permissions: ['use_app', 'list_invoices'] },
    ],
    tokens: new Set(),
    oneTime: new Set([ONE_TIME]),
    pin: undefined,
    secret: undefined,
    applicationActive: true,
  }
  const server = await startServer(t, (seen, response) => {
    const { status, body, code } = answer(form, house, seen)
    if (code === undefined) send(response, status, body)
    else sendProblem(response, status, code)
  })
  return Object.assign(house, server)
}

/** The id that Anna's first company has in this form: the oldest knows one word only. */
export function firstCompanyId(form: Form): string {
  return form === 'flat-0.1' ? 'ACME' : 'acme-id'
}

/** The companies that this form tells of. */
export function toldCompanies(form: Form): string[] {
  return form.startsWith('flat') ? ['ACME'] : ['ACME', 'Globex']
}

interface Reply {
  status: number
  body?: object
  /** Makes it a problem. */
  code?: string
}

function answer(form: Form, house: Omit<House, keyof StandIn>, seen: Seen): Reply {
  const rich = form === 'rich' && /^[\w-]+\/[\d.]+$/.test(String(seen.headers['x-license-client']))
  const flat = form.startsWith('flat')
  const ok = (body: object): Reply => ({ status: 200, body })
  const refuse = (status: number, code: string): Reply =>
    rich ? { status, code } : { status, body: { message: `Refused with ${status}.` } }

  const path = /^\/api\/v1\/(auth\/.+\/)$/.exec(seen.path)?.[1]
  if (!path) return refuse(404, 'not_found')
  if (seen.headers['content-type'] !== 'application/json') return refuse(415, 'unsupported_media_type')
  if (seen.headers['x-license-module'] !== APPLICATION || !house.applicationActive)
    return refuse(401, 'unknown_application')
  if (house.secret !== seen.headers['x-license-secret']) return refuse(401, 'application_secret_required')

  const token = String(seen.headers['x-license-token'])
  const [first] = house.companies
  const byCompany = house.companies.map(({ id, name, permissions }) => ({
    company_id: id,
    company_name: name,
    permissions,
  }))
  const flatList = (first?.permissions ?? []).map((permission) => ({ permission }))
  const flatCompany =
    form === 'flat-0.1' ? { company: first?.name } : { company_id: first?.id, company_name: first?.name }
  const names = { first_name: 'Anna', last_name: 'Ames', email: EMAIL }
  const expiry = { expires_at: '2001-01-01T00:00:00.000Z', expires_in: 3600 }
  const reference = ({ id, name }: Company) => ({ id, name })
  const user = {
    id: 'anna-id',
    ...names,
    company: first ? reference(first) : null,
    companies: house.companies.map(reference),
    ...(house.pin !== undefined && { pin: house.pin }),
  }

  if (path === 'auth/authenticate/' && seen.method === 'POST') {
    const { username, password } = JSON.parse(seen.body)
    if (username !== EMAIL || password !== PASSWORD) return refuse(401, 'bad_credentials')
    if (!first) return refuse(403, 'no_access')
    const fresh = `clt_anna${house.tokens.size}`
    house.tokens.add(fresh)
    if (flat) return ok({ token: fresh, ...flatCompany, permissions: flatList })
    return ok({ token: fresh, permissions: byCompany, ...(rich && { ...expiry, user }) })
  }
  if (path === 'auth/impersonation-validation/' && seen.method === 'POST' && !flat) {
    if (!house.oneTime.delete(JSON.parse(seen.body).token) || !first) return refuse(401, 'invalid_impersonation')
    house.tokens.add(IMPERSONATED)
    const more = {
      ...expiry,
      reason: 'Ticket 7',
      impersonated_by: { name: 'sam@support.test', email: 'sam@support.test' },
      user_info: user,
    }
    return ok({ user: EMAIL, company: first.id, auth_token: IMPERSONATED, ...(rich && more) })
  }

  const allowed = ['auth/users/profile/', 'auth/users/permissions/', 'auth/get-permissions/', 'auth/sign-out/']
  if (!allowed.includes(path) && !path.startsWith('auth/get-company-permissions/')) return refuse(404, 'not_found')
  if (!house.tokens.has(token)) return refuse(401, 'invalid_token')

  if (path === 'auth/users/profile/') {
    if (flat) return ok({ ...names, ...flatCompany })
    return ok(rich ? { ...user, ...expiry } : { ...names, ...(house.pin !== undefined && { pin: house.pin }) })
  }
  if (path === 'auth/users/permissions/' && flat) return ok({ permissions: flatList })
  if (path === 'auth/get-permissions/' && !flat) return ok({ permissions: byCompany, ...(rich && expiry) })
  if (path === 'auth/sign-out/' && seen.method === 'POST' && form === 'rich') {
    house.tokens.delete(token)
    return ok({})
  }
  const companyId = /^auth\/get-company-permissions\/([^/]+)\/$/.exec(path)?.[1]
  if (companyId === undefined || flat) return refuse(404, 'not_found')
  const company = house.companies.find(({ id }) => id === decodeURIComponent(companyId))
  // An impersonation answers for its own company only, which is Anna's first.
  if (!company || (token === IMPERSONATED && company !== first)) return refuse(404, 'company_not_accessible')
  return ok({ permissions: company.permissions })
}
