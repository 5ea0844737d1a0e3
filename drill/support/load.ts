import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { PASSWORD } from './house.ts'
import { type Answer, ask, signIn, tokenOf } from './http.ts'
import { CONNECTIONS } from './proxy.ts'

const TICK_MS = 10
/** Under way at once. A machine that has no time for more is asked less, which the rate tells: it would measure itself. */
const MOST_UNDER_WAY = 500

/** What became of one request; `status` is undefined where no whole answer came. Times are of `performance.now()`. */
export type Outcome = {
  kind: 'look-up' | 'sign-in'
  sentAt: number
  ms: number
  status: number | undefined
  told: string
}

export type Load = {
  outcomes: readonly Outcome[]
  /** Sends nothing more, and waits for what is under way. */
  stop(): Promise<void>
}

export type Rates = { lookUps: number; signIns: number }

/** Look-ups and sign-ins, so many a second, whether or not the ones before were answered, up to a bound. */
export async function startLoad(url: string, users: readonly string[], perSecond: Rates): Promise<Load> {
  const tokens = await Promise.all(users.map(async (user) => tokenOf(await signIn(url, user, PASSWORD))))
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const outcomes: Outcome[] = []
  const running = new Set<Promise<void>>()
  const send = (kind: Outcome['kind'], ask: () => Promise<Answer>) => {
    const sentAt = performance.now()
    const asked = ask().then(
      ({ status, body, ms }) => void outcomes.push({ kind, sentAt, ms, status, told: body.slice(0, 200) }),
      (error: Error) =>
        void outcomes.push({ kind, sentAt, ms: performance.now() - sentAt, status: undefined, told: error.message }),
    )
    running.add(asked)
    void asked.then(() => running.delete(asked))
  }
  let startedAt = performance.now()
  const sent = { lookUps: 0, signIns: 0 }
  let isStopped = false
  const sending = (async () => {
    while (!isStopped) {
      const waited = await roomIn(running)
      // What could not be sent is not made up for: it would be a burst.
      startedAt += waited
      const seconds = (performance.now() - startedAt) / 1_000
      for (; sent.lookUps < seconds * perSecond.lookUps; sent.lookUps++) {
        const token = tokens[sent.lookUps % tokens.length] ?? ''
        send('look-up', () =>
          ask(url, { path: '/api/v1/auth/get-permissions/', headers: { 'x-license-token': token }, agent }),
        )
      }
      for (; sent.signIns < seconds * perSecond.signIns; sent.signIns++) {
        const user = users[sent.signIns % users.length] ?? ''
        const body = { username: user, password: PASSWORD }
        send('sign-in', () => ask(url, { path: '/api/v1/auth/authenticate/', method: 'POST', body, agent }))
      }
      await sleep(TICK_MS)
    }
  })()
  return {
    outcomes,
    async stop() {
      isStopped = true
      await sending
      await Promise.all(running)
      agent.destroy()
    },
  }
}

/** Waits until there is room for more; tells how long. */
async function roomIn(running: ReadonlySet<unknown>): Promise<number> {
  const from = performance.now()
  while (running.size >= MOST_UNDER_WAY) await sleep(TICK_MS)
  return performance.now() - from
}

export function failed(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(({ status }) => status !== 200)
}
