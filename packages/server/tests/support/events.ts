import assert from 'node:assert/strict'
import { announceSome } from '../../src/access/announce.ts'
import { loadAnswer } from '../../src/access/answer.ts'
import { COMMAND_LINE } from '../../src/audit/actor.ts'
import { replaceSecret } from '../../src/credentials/application-acts.ts'
import { readJson } from './calls.ts'
import type { TestServer } from './server.ts'

type Place = Pick<TestServer, 'ctx'>

// biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of an event; a wrong guess fails it.
export type Heard = { id: string; type: string; timestamp: string; data: any }

/** Works off all that is due, as the job does by and by. */
export async function settle({ ctx }: Place): Promise<void> {
  for (let quiet = 0; quiet < 2; ) quiet = (await announceSome(ctx, { clock: true })) ? 0 : quiet + 1
}

/** Several acts, all of which are stored before anything of them is announced. */
export function beforeAnnouncing<T>({ ctx }: Place, acts: () => Promise<T>): Promise<T> {
  return ctx.outbox.inTurn(acts)
}

// biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of a body; a wrong guess fails it.
export type FeedReply = { status: number; body: any }

/** One call of an application's own. */
export async function askAs(
  server: Pick<TestServer, 'url'>,
  application: string,
  secret: string | undefined,
  path: string,
  signal?: AbortSignal,
): Promise<FeedReply> {
  const response = await fetch(`${server.url}/api/v1/application/${path}`, {
    headers: { 'x-license-module': application, ...(secret === undefined ? {} : { 'x-license-secret': secret }) },
    ...(signal ? { signal } : {}),
  })
  return { status: response.status, body: readJson(await response.text()) }
}

export type Listener = {
  secret: string
  cursor: string
  /** What came since the last time, when all that is due is worked off. */
  hear(): Promise<Heard[]>
}

/** An application that reads its events from here on: everything that was before is noted. */
export async function listenTo(server: TestServer, application: string): Promise<Listener> {
  await settle(server)
  const secret = (await replaceSecret(server.ctx, COMMAND_LINE, application, 'new')) ?? ''
  const begun = await askAs(server, application, secret, 'events')
  assert.equal(begun.status, 200, JSON.stringify(begun.body))
  await settle(server)
  const listener: Listener = {
    secret,
    cursor: begun.body.cursor,
    async hear() {
      await settle(server)
      const heard: Heard[] = []
      for (let isMore = true; isMore; ) {
        const { status, body } = await askAs(server, application, secret, `events?after=${listener.cursor}&limit=7`)
        // Switched off, it may not read; what it missed is there when it is on again.
        if (status === 401 && body.code === 'unknown_application') return heard
        assert.equal(status, 200, JSON.stringify(body))
        heard.push(...body.events)
        listener.cursor = body.cursor
        isMore = body.more
      }
      return heard
    },
  }
  return listener
}

/** An event in short: `permissions bert ACME +a -b = a c`. */
export function brief({ type, data }: Heard): string {
  const name = (email: string) => email.split('@')[0]
  const list = (sign: string, slugs: string[]) => slugs.map((slug) => ` ${sign}${slug}`).join('')
  switch (type) {
    case 'permissions.updated':
      return `permissions ${name(data.user.email)} ${data.company.name}${list('+', data.added)}${list('-', data.removed)}`
    case 'company.updated':
      return `company ${data.company.name}${data.company.active ? '' : ' off'}`
    case 'license.updated':
      return `license ${data.company.name} ${data.license.state}${data.license.suspended ? ' suspended' : ''}`
    case 'ping':
      return 'ping'
    default:
      return `${type} ${name(data.user.email)}${data.user.active === false ? ' off' : ''}`
  }
}

/** What everybody may do in an application by answers, as `<user> <company>` → slugs; without those who may do nothing. */
export async function answered({ ctx }: Place, application: string): Promise<Record<string, readonly string[]>> {
  const all: Record<string, readonly string[]> = {}
  for (const { id } of await ctx.db.read.selectFrom('users').select('id').orderBy('id').execute()) {
    const loaded = await loadAnswer(ctx, id, application)
    for (const company of loaded?.answer.companies ?? []) all[`${id} ${company.id}`] = company.permissions
  }
  return all
}

/** The same by what an application was told: the last set of each, newer ones over older ones. */
export class Mirror {
  readonly sets = new Map<string, { version: number; permissions: readonly string[] }>()

  take(event: Heard): void {
    if (event.type !== 'permissions.updated') return
    const { user, company, version, permissions } = event.data
    this.set(`${user.id} ${company.id}`, version, permissions)
  }

  set(key: string, version: number, permissions: readonly string[]): void {
    const known = this.sets.get(key)
    assert.notEqual(known?.version, version, `${key} was told twice under ${version}`)
    if (!known || version > known.version) this.sets.set(key, { version, permissions })
  }

  get told(): Record<string, readonly string[]> {
    const sorted = [...this.sets].sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(
      sorted
        .filter(([, { permissions }]) => permissions.length > 0)
        .map(([key, { permissions }]) => [key, permissions]),
    )
  }
}

/** Everybody of a snapshot, page by page. */
export async function snapshotOf(
  server: TestServer,
  application: string,
  secret: string,
  limit = 3,
): Promise<{ mirror: Mirror; cursor: string }> {
  const mirror = new Mirror()
  for (let page = ''; ; ) {
    const { status, body } = await askAs(server, application, secret, `snapshot?limit=${limit}${page}`)
    assert.equal(status, 200, JSON.stringify(body))
    for (const { user, company, permissions, version } of body.items)
      mirror.set(`${user.id} ${company.id}`, version, permissions)
    if (body.next === null) return { mirror, cursor: body.cursor }
    page = `&page=${body.next}`
  }
}
