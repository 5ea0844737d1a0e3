import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Dialect } from '../../src/domain/dialect.ts'

/** One request as it came, whole. */
export type Asked = {
  line: string
  /** Of the headers those that say something. */
  headers: Record<string, string>
  body: string
}

export type OldCompany = { company_id: string; company_name: string; permissions: string[] }

export type OldUser = {
  password: string
  profile: { first_name: string; last_name: string; email: string; pin?: string | null }
  companies: OldCompany[]
}

/** Answers by itself, or leaves it to the stand-in by false. */
type Behave = (request: IncomingMessage, response: ServerResponse, body: string) => boolean

export type OldServer = AsyncDisposable & {
  url: string
  /** Everything that it was ever asked. */
  asked: Asked[]
  /** How often a sign-in was asked for, by name. */
  signIns(): Record<string, number>
  users: Map<string, OldUser>
  /** By application's id; `v1` unless told. */
  dialects: Record<string, Dialect>
  behave: Behave
  /** What a License server beside it needs to know. */
  env: Record<string, string>
  /** Listens no more; what is under way is cut. */
  stop(): Promise<void>
}

const TOLD = [
  'content-type',
  'x-license-module',
  'x-license-token',
  'x-license-secret',
  'x-license-client',
  'authorization',
  'cookie',
  'x-license-user-address',
]

/** A License server that knows the protocol's plain shapes and nothing else. */
export async function startOldServer(users: Record<string, OldUser> = {}): Promise<OldServer> {
  const tokens = new Map<string, { user: OldUser; module: string }>()
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const headers = Object.fromEntries(
        TOLD.flatMap((name) => (name in request.headers ? [[name, String(request.headers[name])]] : [])),
      )
      old.asked.push({ line: `${request.method} ${request.url}`, headers, body })
      if (old.behave(request, response, body)) return
      const { status, answer } = answerOf(request, body)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
  })

  function answerOf(request: IncomingMessage, body: string): { status: number; answer: object } {
    const module = String(request.headers['x-license-module'])
    const dialect = old.dialects[module] ?? 'v1'
    if (request.url === '/api/v1/auth/authenticate/') {
      const { username, password } = JSON.parse(body) as { username: string; password: string }
      const user = old.users.get(username)
      if (user?.password !== password) return { status: 401, answer: { message: 'Invalid credentials' } }
      const token = `old-token-${tokens.size + 1}`
      tokens.set(token, { user, module })
      return { status: 200, answer: { token, ...rightsOf(user, dialect) } }
    }
    const found = tokens.get(String(request.headers['x-license-token']))
    if (request.url !== '/api/v1/auth/users/profile/' || found?.module !== module)
      return { status: 401, answer: { message: 'No valid token' } }
    return { status: 200, answer: { ...found.user.profile, ...companyOf(found.user, dialect) } }
  }

  const listen = () => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await listen()
  const { port } = server.address() as AddressInfo // Of a port, not of a pipe.
  const url = `http://127.0.0.1:${port}`
  const stop = async () => {
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  const old: OldServer = {
    url,
    asked: [],
    signIns: () => {
      const counts: Record<string, number> = {}
      for (const { line, body } of old.asked) {
        if (!line.endsWith('authenticate/')) continue
        const { username } = JSON.parse(body) as { username: string }
        counts[username] = (counts[username] ?? 0) + 1
      }
      return counts
    },
    users: new Map(Object.entries(users)),
    dialects: {},
    behave: () => false,
    env: { LICENSE_UPSTREAM: url, LICENSE_ALLOWED_NETWORKS: '127.0.0.0/8' },
    stop,
    [Symbol.asyncDispose]: stop,
  }
  return old
}

function rightsOf(user: OldUser, dialect: Dialect): object {
  if (dialect === 'v1') return { permissions: user.companies }
  const permissions = (user.companies[0]?.permissions ?? []).map((permission) => ({ permission }))
  return { ...companyOf(user, dialect), permissions }
}

function companyOf({ companies: [first] }: OldUser, dialect: Dialect): object {
  if (dialect === 'v1') return {}
  if (dialect === 'flat-0.1') return { company: first?.company_name ?? null }
  return { company_id: first?.company_id ?? null, company_name: first?.company_name ?? null }
}
