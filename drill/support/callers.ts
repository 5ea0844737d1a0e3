import { setTimeout as sleep } from 'node:timers/promises'
import type { Measured } from './drill.ts'
import { PASSWORD } from './house.ts'
import { type Answer, lookUp, signIn, signOut, tokenOf } from './http.ts'
import { count, seconds } from './table.ts'

const LOOKING_UP = 8
const SIGNING_IN = 3
const GIVEN_UP_AFTER_MS = 30_000

/** Our own client reads a problem (RFC 9457), the old ones `{"message"}`. */
const OURS = { 'x-license-client': 'drill/1.0' }

type Kind = 'look-up' | 'sign-in' | 'sign-out'

export type Callers = Awaited<ReturnType<typeof startCallers>>

/** Look-ups, sign-ins and sign-outs without a pause, by both kinds of clients, each answer counted and read. `users`: how many `user<n>@drill.test` there are. */
export async function startCallers({ url }: { url: string }, users: number) {
  const statuses = new Map<string, number>()
  const wrong: string[] = []
  const lastSuccess = { 'look-up': 0, 'sign-in': 0, 'sign-out': 0 }
  let slowest = 0
  let isStopped = false

  const asked = async (kind: Kind, isOurs: boolean, question: (headers: object) => Promise<Answer>) => {
    const startedAt = performance.now()
    const answer = await question(isOurs ? OURS : {}).catch((error: unknown) => {
      statuses.set('no answer', (statuses.get('no answer') ?? 0) + 1)
      wrong.push(`${kind}: ${error instanceof Error ? error.message : error}`)
      return undefined
    })
    slowest = Math.max(slowest, performance.now() - startedAt)
    if (!answer) return sleep(50, undefined)
    statuses.set(String(answer.status), (statuses.get(String(answer.status)) ?? 0) + 1)
    const fault = faultOf(answer, isOurs)
    if (fault) wrong.push(`${kind}: ${answer.status} ${fault}: ${answer.body.slice(0, 200)}`)
    if (answer.status === 200) lastSuccess[kind] = startedAt
    // A client that is told to wait and asks at once would measure nothing but refusals.
    else await sleep(20)
    return answer
  }

  const tokens = await Promise.all(
    Array.from({ length: LOOKING_UP }, async (_, index) =>
      tokenOf(await signIn(url, `user${index}@drill.test`, PASSWORD)),
    ),
  )
  const lookers = tokens.map(async (token, index) => {
    while (!isStopped) await asked('look-up', index % 2 === 0, (headers) => lookUp(url, token, headers))
  })
  const signers = Array.from({ length: SIGNING_IN }, async (_, index) => {
    for (let turn = 0; !isStopped; turn++) {
      const email = `user${(index + turn * SIGNING_IN) % users}@drill.test`
      const answer = await asked('sign-in', turn % 2 === 0, (headers) => signIn(url, email, PASSWORD, headers))
      if (answer?.status !== 200) continue
      const token = tokenOf(answer)
      await asked('sign-out', turn % 2 === 0, (headers) => signOut(url, token, headers))
    }
  })

  return {
    /** Milliseconds from now until a look-up and a sign-in that were asked after now were answered with 200. */
    async recovery(): Promise<number> {
      const from = performance.now()
      while (lastSuccess['look-up'] < from || lastSuccess['sign-in'] < from) {
        if (performance.now() - from > GIVEN_UP_AFTER_MS) return Number.POSITIVE_INFINITY
        await sleep(10)
      }
      return performance.now() - from
    },
    async stop(): Promise<Measured[]> {
      isStopped = true
      await Promise.all([...lookers, ...signers])
      for (const line of wrong.slice(0, 20)) console.error(`    ${line}`)
      const told = [...statuses]
        .sort()
        .map(([status, times]) => `${count(times)} x ${status}`)
        .join(', ')
      return [
        {
          what: 'all answers meanwhile',
          measured: `${told}; ${wrong.length} of another form`,
          wanted: 'only 200, and 503 with Retry-After and a message',
          passed:
            wrong.length === 0 &&
            statuses.has('503') &&
            [...statuses.keys()].every((each) => each === '200' || each === '503'),
        },
        { what: 'the slowest answer', measured: seconds(slowest), wanted: '<=10 s', passed: slowest <= 10_000 },
      ]
    },
  }
}

/** What is wrong with an answer; undefined for one as it should be. */
function faultOf({ status, headers, body }: Answer, isOurs: boolean): string | undefined {
  if (status === 200) return undefined
  if (status !== 503) return 'is neither 200 nor 503'
  if (!/^[1-9]\d*$/.test(headers['retry-after'] ?? '')) return 'says no Retry-After'
  const told = JSON.parse(body) as Record<string, unknown> // JSON of ours; what does not parse breaks the drill.
  if (!isOurs)
    return Object.keys(told).join() === 'message' && typeof told.message === 'string' ? undefined : 'is no {"message"}'
  const isProblem = told.status === 503 && typeof told.code === 'string' && typeof told.detail === 'string'
  return isProblem && /^application\/problem\+json/.test(headers['content-type'] ?? '') ? undefined : 'is no problem'
}
