import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { APPLICATION } from './house.ts'

export type Answer = { status: number; headers: IncomingHttpHeaders; body: string; ms: number }

export type Question = {
  path: string
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: unknown
  /** In place of `body`, as it stands. */
  text?: string
  timeoutMs?: number
  agent?: Agent
}

const everyday = new Agent({ keepAlive: true })

/** One request, never repeated: what a drill counts is what happened. Rejects when there was no whole answer. */
export function ask(url: string, question: Question): Promise<Answer> {
  const { path, method = 'GET', body, timeoutMs = 30_000, agent = everyday } = question
  const startedAt = performance.now()
  const text = question.text ?? (body === undefined ? undefined : JSON.stringify(body))
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'x-license-module': APPLICATION, ...question.headers }
    const outgoing = request(url + path, { method, headers, agent, signal: AbortSignal.timeout(timeoutMs) })
    outgoing.once('error', reject)
    outgoing.once('response', (incoming) => {
      let answer = ''
      incoming.setEncoding('utf8')
      incoming.on('data', (part: string) => {
        answer += part
      })
      incoming.once('error', reject)
      incoming.once('end', () => {
        const { statusCode: status = 0, headers } = incoming
        if (incoming.complete) resolve({ status, headers, body: answer, ms: performance.now() - startedAt })
        else reject(new Error('the answer was cut short'))
      })
    })
    outgoing.end(text)
  })
}

export function signIn(url: string, username: string, password: string, headers = {}): Promise<Answer> {
  return ask(url, { path: '/api/v1/auth/authenticate/', method: 'POST', body: { username, password }, headers })
}

export function lookUp(url: string, token: string, headers = {}): Promise<Answer> {
  return ask(url, { path: '/api/v1/auth/get-permissions/', headers: { 'x-license-token': token, ...headers } })
}

export function signOut(url: string, token: string, headers = {}): Promise<Answer> {
  return ask(url, { path: '/api/v1/auth/sign-out/', method: 'POST', headers: { 'x-license-token': token, ...headers } })
}

/** The token of a sign-in that was answered with 200. */
export function tokenOf(answer: Answer): string {
  const { token } = JSON.parse(answer.body) as { token?: unknown } // As docs/PROTOCOL.md has it; checked below.
  if (answer.status !== 200 || typeof token !== 'string')
    throw new Error(`no sign-in: ${answer.status} ${answer.body.slice(0, 200)}`)
  return token
}
