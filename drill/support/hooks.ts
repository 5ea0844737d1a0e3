import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type PermissionsUpdated, verifyWebhook } from '../../packages/client/src/webhooks/index.ts'
import { COMMAND_LINE } from '../../packages/server/src/audit/actor.ts'
import type { Context } from '../../packages/server/src/context.ts'
import { createKey } from '../../packages/server/src/credentials/api-keys.ts'

/** Where a server must be allowed to call to. */
export const TO_THIS_MACHINE = { LICENSE_ALLOWED_NETWORKS: '127.0.0.0/8' }

/** An operator's key, as the command line makes one. */
export async function operatorKey(ctx: Context): Promise<string> {
  const wanted = { name: 'a drill', power: { kind: 'operator' }, userId: null, scopes: ['*'], expiresAt: null } as const
  return (await createKey(ctx, COMMAND_LINE, { ...wanted, scopes: ['*'] })).secret
}

/** Until what was seeded is looked at, and what holds is noted: else all of it is told of in full. */
export async function untilNoted({ db }: Context, { wants }: { wants: boolean }): Promise<void> {
  for (;;) {
    const due = await db.read.selectFrom('due').select('id').limit(1).execute()
    const row = await db.read.selectFrom('applications').select('events_ready_at').executeTakeFirstOrThrow()
    if (due.length === 0 && (!wants || row.events_ready_at !== null)) return
    await sleep(50)
  }
}

export type Reply = { status: number; body: Record<string, unknown> }

/** One call of the admin API. Rejects when there is no answer. */
export async function askAdmin(url: string, key: string, line: string, body?: object): Promise<Reply> {
  const [method = '', path = ''] = line.split(' ')
  const response = await fetch(`${url}/api/v1/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(15_000),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
}

type Known = { version: number; permissions: string }

/** A receiver of events that checks each, fails some, and keeps what it was told last of everybody. */
export class Receiver {
  url = ''
  secret = ''
  /** Which part fails, each time anew: half of these after they were taken. */
  failing = 0
  came = 0
  readonly faults: string[] = []
  /** By user and company. */
  readonly known = new Map<string, Known>()
  /** By webhook-id: what it was about. */
  readonly ids = new Map<string, string>()
  repeated = 0
  onEvent: (event: PermissionsUpdated) => void = () => undefined
  readonly #server = createServer((request, response) => void this.#take(request, response))

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  readonly #take = async (...[request, response]: Parameters<RequestListener>): Promise<void> => {
    let raw = ''
    for await (const chunk of request) raw += chunk
    const chance = Math.random()
    // Refused, or taken and the answer lost.
    if (chance < this.failing / 2) return void response.writeHead(500).end()
    try {
      const event = await verifyWebhook(raw, request.headers, this.secret)
      this.came++
      if (event.type === 'permissions.updated') this.#keep(event)
    } catch (error) {
      this.faults.push(error instanceof Error ? error.message : String(error))
    }
    if (chance < this.failing) return void request.socket.destroy()
    response.writeHead(204).end()
  }

  #keep(event: PermissionsUpdated): void {
    const { user, company, permissions, version } = event.data
    const of = `${user.id} ${company.id}`
    const before = this.ids.get(event.id)
    if (before !== undefined) this.repeated++
    if (before !== undefined && before !== of) this.faults.push(`${event.id} is about ${before}, then about ${of}`)
    this.ids.set(event.id, of)
    const known = this.known.get(of)
    if (!known || known.version <= version) this.known.set(of, { version, permissions: [...permissions].join(' ') })
    this.onEvent(event)
  }
}
