// The generator: a closed loop over raw sockets, cheaper than any HTTP client, so that it does not bound what it measures.
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'

export type Plan = {
  /** Connections go to them in turn. */
  ports: number[]
  /** Until this is over, or so many answers have come. */
  seconds: number
  answers?: number
  connections: number
  /** Asked in random order. */
  requests: string[]
  /** Bytes of a right answer's body; undefined where they differ. */
  size?: number
  /** The keys of a right answer's body, and of what its `permissions` list. */
  keys: string[]
  itemKeys: string[]
  /** Items of `permissions`, and permissions in each; undefined where they differ. */
  items: number
  permissions?: number
}

export type Measured = {
  rate: number
  answers: number
  p50: number
  p99: number
  sample: { headers: string; body: string }
}

const HEAD_END = Buffer.from('\r\n\r\n')
/** Every answer's status and size are looked at, and of one in so many every key. */
const READ_EVERY = 100

const plan: Plan = JSON.parse(await text(process.stdin))
const requests = plan.requests.map((request) => Buffer.from(request))
const took: number[] = []
let sample: Measured['sample'] = { headers: '', body: '' }
const start = performance.now()
const end = start + plan.seconds * 1000
await Promise.all(Array.from({ length: plan.connections }, askUntilTheEnd))
const elapsed = performance.now() - start
took.sort((a, b) => a - b)
const measured: Measured = {
  rate: (took.length / elapsed) * 1000,
  answers: took.length,
  p50: took[Math.floor(took.length * 0.5)] ?? 0,
  p99: took[Math.floor(took.length * 0.99)] ?? 0,
  sample,
}
console.log(JSON.stringify(measured))

function askUntilTheEnd(_: unknown, nth: number): Promise<void> {
  const socket = connect({ port: plan.ports[nth % plan.ports.length] ?? 0, host: '127.0.0.1', noDelay: true })
  return new Promise((resolve, reject) => {
    let asked = 0
    let part: Buffer | undefined
    const ask = () => {
      asked = performance.now()
      socket.write(requests[Math.floor(Math.random() * requests.length)] ?? '')
    }
    socket.on('connect', ask)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('The server closed a connection.')))
    socket.on('data', (chunk: Buffer) => {
      const answer = part ? Buffer.concat([part, chunk]) : chunk
      part = undefined
      const now = performance.now()
      try {
        if (!isWhole(answer)) {
          part = answer
          return
        }
      } catch (error) {
        reject(error)
        return
      }
      took.push(now - asked)
      if (now < end && took.length < (plan.answers ?? Number.POSITIVE_INFINITY)) ask()
      else finish(socket, resolve)
    })
  })
}

function finish(socket: Socket, done: () => void): void {
  socket.removeAllListeners('close')
  socket.destroy()
  done()
}

/** Whether all of an answer has come. @throws when it is not a right one */
function isWhole(answer: Buffer): boolean {
  const headEnd = answer.indexOf(HEAD_END)
  if (headEnd < 0) return false
  const head = answer.toString('latin1', 0, headEnd)
  const size = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1])
  const length = answer.length - headEnd - HEAD_END.length
  if (length < size) return false
  if (!head.startsWith('HTTP/1.1 200 ') || length !== size || (plan.size !== undefined && size !== plan.size))
    throw new Error(`Not the answer that was expected:\n${answer.toString()}`)
  if (took.length % READ_EVERY === 0) read(head, answer.toString('utf8', headEnd + HEAD_END.length))
  return true
}

function read(headers: string, body: string): void {
  const answer = JSON.parse(body)
  const lists: { permissions: string[] }[] = answer.permissions
  const isRight =
    isDeepEqual(Object.keys(answer), plan.keys) &&
    lists.length === plan.items &&
    lists.every(
      (each) =>
        isDeepEqual(Object.keys(each), plan.itemKeys) &&
        (plan.permissions === undefined || new Set(each.permissions).size === plan.permissions),
    )
  if (!isRight) throw new Error(`Not the keys and lists that were expected:\n${body}`)
  sample = { headers, body }
}

function isDeepEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index])
}
