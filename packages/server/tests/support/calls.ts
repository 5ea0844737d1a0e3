import type { TestServer } from './server.ts'

export type Reply = {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of a body; a wrong guess fails it.
  body: any
}

export type Call = {
  /** X-LICENSE-MODULE; `crm` where it is left out, none where null. */
  module?: string | null
  token?: string | undefined
  /** Says, as our own client does, that it can read more than the frozen keys. */
  rich?: boolean
  headers?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it stands. */
  raw?: string | Uint8Array<ArrayBuffer>
}

export const RICH = { 'x-license-client': 'cloudspot-license-api/0.1.0' }

function headersOf({ module = 'crm', token, rich, headers }: Call): Record<string, string> {
  return {
    // Also on GET, as the old clients send it.
    'content-type': 'application/json',
    ...(module === null ? {} : { 'x-license-module': module }),
    ...(token === undefined ? {} : { 'x-license-token': token }),
    ...(rich ? RICH : {}),
    ...headers,
  }
}

/** One request as an application sends it: `call(server, 'POST authenticate/', { body })`. A path with a slash before it is taken whole. */
export async function call(server: Pick<TestServer, 'url'>, line: string, wish: Call = {}): Promise<Reply> {
  const [method = '', path = ''] = line.split(' ')
  const url = server.url + (path.startsWith('/') ? path : `/api/v1/auth/${path}`)
  const body = 'body' in wish ? JSON.stringify(wish.body) : wish.raw
  const response = await fetch(url, { method, headers: headersOf(wish), ...(body === undefined ? {} : { body }) })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: readJson(text) }
}

export function signIn(
  server: Pick<TestServer, 'url'>,
  username: unknown,
  password: unknown,
  wish: Call = {},
): Promise<Reply> {
  return call(server, 'POST authenticate/', { ...wish, body: { username, password } })
}

export function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
