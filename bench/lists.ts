import { Agent, get } from 'node:http'
import { text } from 'node:stream/consumers'
import { APPLICATION, COMPANIES, companyId, type House, userId } from './house.ts'
import type { Running } from './processes.ts'
import type { Row } from './table.ts'

const ADMIN = '/api/v1/admin'
/** Of each list, a page of fifty from some place of it. */
const REQUESTS = 300
const AT_ONCE = 4
export const LIST_P95_MS = 300

const ACTS = ['user.changed', 'seat.given', 'grant.given']

/** The lists and searches of the admin API, each with addresses that lead all over the house. */
function listsOf({ emails }: House): Record<string, () => string> {
  const user = () => random(emails.length)
  const company = () => companyId(random(COMPANIES))
  const cursor = (...place: string[]) => Buffer.from(JSON.stringify(place)).toString('base64url')
  return {
    'users by the beginning of an address or a name': () =>
      `/users?q=${encodeURIComponent(pick([`user${random(1000)}`, `user${user()}`, `anna ames ${random(1000)}`, `ames ${random(100)}`, 'a', 'u']))}`,
    'users, from anywhere on': () => {
      const nth = user()
      return `/users?cursor=${cursor(emails[nth] ?? '', userId(nth))}`
    },
    "a company's members": () => `/companies/${company()}/members`,
    "a company's members by the beginning of an address or a name": () =>
      `/companies/${company()}/members?q=${encodeURIComponent(pick([`user${random(100)}`, 'anna ames 1', 'ames 12']))}`,
    'companies by the beginning of a name': () => `/companies?q=company%20${pick(['', '1', '23', '399'])}`,
    "an application's licenses, from anywhere on": () =>
      `/applications/${APPLICATION}/licenses?cursor=${cursor(company())}`,
    'who may, in a company': () =>
      `/explain/holders?company=${company()}&application=${APPLICATION}&permission=${pick(['invoices_edit', 'projects_assign', 'articles_comment'])}`,
    'the audit, of a company, a person, an act, both, or a time': () =>
      `/audit?${pick([
        `company=${company()}`,
        `target=${userId(user())}`,
        `act=${pick(ACTS)}`,
        `act=role.deleted`,
        `company=${company()}&act=${pick(ACTS)}`,
        `until=${new Date(Date.now() - random(emails.length) * 1000).toISOString()}`,
      ])}`,
  }
}

/** How long each list takes, by one row; a few are asked for at once. */
export async function measureLists(on: string, among: number, server: Running, house: House): Promise<Row[]> {
  const rows: Row[] = []
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  try {
    for (const [what, address] of Object.entries(listsOf(house))) {
      // Compiles its forms.
      for (let nth = 0; nth < 10; nth++) await ask(agent, server, house, address())
      const took: number[] = []
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          while (took.length < REQUESTS) took.push(await ask(agent, server, house, address()))
        }),
      )
      took.sort((a, b) => a - b)
      const p95 = took[Math.floor(took.length * 0.95)] ?? 0
      rows.push({
        what: `${what}; ${among} users`,
        on,
        measured: `p95 ${p95.toFixed(1)} ms`,
        wanted: `≤ ${LIST_P95_MS} ms`,
        isMet: p95 <= LIST_P95_MS,
        p50: took[Math.floor(took.length * 0.5)] ?? 0,
        p99: took[Math.floor(took.length * 0.99)] ?? 0,
      })
    }
    const counting = await ask(agent, server, house, '/statistics')
    rows.push({
      what: `statistics, counted anew; ${among} users`,
      on,
      measured: `${counting.toFixed(0)} ms`,
      wanted: '',
    })
  } finally {
    agent.destroy()
  }
  return rows
}

/** Milliseconds. @throws when it is not answered by a page */
async function ask(agent: Agent, server: Running, house: House, path: string): Promise<number> {
  const start = performance.now()
  const { status, body } = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const options = {
      port: server.port,
      host: '127.0.0.1',
      path: `${ADMIN}${path}`,
      agent,
      headers: { authorization: `Bearer ${house.key}` },
    }
    get(options, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode, body }), reject)
    }).on('error', reject)
  })
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${body}`)
  return performance.now() - start
}

function random(below: number): number {
  return Math.floor(Math.random() * below)
}

function pick<T>(from: readonly T[]): T {
  return from[random(from.length)] as T // There are some.
}
