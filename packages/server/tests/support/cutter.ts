import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

/** A wire to PostgreSQL that breaks at one statement: before it arrives, or when it was done and its answer is on the way. */
export type Cutter = Disposable & {
  url: string
  /** Breaks at the nth statement from now on. */
  arm(nth: number, at: 'before' | 'after'): void
  /** Whether it broke since. */
  disarm(): boolean
}

/** Of the frontend's messages: a simple query, and the execution of a prepared one. */
const STATEMENTS = new Set(['Q', 'E'])

export async function openCutter(databaseUrl: string): Promise<Cutter> {
  const far = new URL(databaseUrl)
  let left = Number.POSITIVE_INFINITY
  let at: 'before' | 'after' = 'before'
  const server = createServer((near) => {
    const onward = connect(Number(far.port), far.hostname)
    const statements = statementCounter()
    let isLast = false
    const breakOff = () => {
      near.destroy()
      onward.destroy()
    }
    near.on('data', (sent: Buffer) => {
      const before = left
      left -= statements(sent)
      const isHit = before > 0 && left <= 0
      if (isHit && at === 'before') return breakOff()
      if (isHit) isLast = true
      onward.write(sent)
      return undefined
    })
    onward.on('data', (answer) => {
      if (isLast) breakOff()
      else near.write(answer)
    })
    for (const socket of [near, onward]) socket.on('error', () => undefined).on('close', breakOff)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // It listens on a port, not on a pipe.
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${port}`
  return {
    url: url.href,
    arm(nth, where) {
      left = nth
      at = where
    },
    disarm() {
      const isHit = left <= 0
      left = Number.POSITIVE_INFINITY
      return isHit
    },
    [Symbol.dispose]: () => server.close(),
  }
}

/** How many statements begin in what was sent. The first message of a connection has no type. */
function statementCounter(): (sent: Buffer) => number {
  let rest = Buffer.alloc(0)
  let isStarted = false
  return (sent) => {
    rest = Buffer.concat([rest, sent])
    let count = 0
    for (;;) {
      const head = isStarted ? 1 : 0
      if (rest.length < head + 4) return count
      const length = head + rest.readUInt32BE(head)
      if (rest.length < length) return count
      if (isStarted && STATEMENTS.has(rest.toString('latin1', 0, 1))) count++
      isStarted = true
      rest = rest.subarray(length)
    }
  }
}
