import fc from 'fast-check'
import { ACME, ANNA, BELLA, BERT, DORA } from '../admin.ts'
import type { Operation } from './description.ts'
import type { Digest } from './digest.ts'
import { askedFor, faultsOf, isWrong } from './judge.ts'
import type { Known } from './known.ts'
import { type Plan, plansOf } from './requests.ts'
import { type Answer, asWire, type Keys, send, shown, type Wire } from './wire.ts'

const BATCH = 250

export type Played = {
  requests: number
  /** By status. */
  answers: Map<number, number>
  /** How many were wrong by the description. */
  wrong: number
  /** What was stored. */
  stored: number
  /** `<operation> <status or code>`: what was answered somewhere. */
  seen: Set<string>
  /** What happened that must not: at most one line for a kind. */
  faults: Map<string, number>
}

/** What a caller may be told by the description's own word, and how much of it was: how deep the requests reached. */
export function reached(operations: readonly Operation[], { seen }: Played): { of: number; missed: string[] } {
  const told = operations.flatMap(({ id, answers }) =>
    [...answers].flatMap(([status, { codes }]) =>
      status >= 500 ? [] : codes.length > 0 ? codes.map((code) => `${id} ${code}`) : [`${id} ${status}`],
    ),
  )
  return { of: told.length, missed: told.filter((each) => !seen.has(each)) }
}

export type Stage = {
  url: string
  operations: readonly Operation[]
  known: Known
  keys: Keys
  digest: Digest
  connections: number
  /** Told of each answer. */
  hears?: (wire: Wire, answer: Answer) => void
}

type Ready = { wire: Wire; plan: Plan; wrong: boolean; reads: boolean }

export function newPlayed(): Played {
  return { requests: 0, answers: new Map(), wrong: 0, stored: 0, seen: new Set(), faults: new Map() }
}

/** Sends so many generated requests, always the same ones for a seed and a house, and holds each answer against the description. */
export async function play(
  stage: Stage,
  { count, seed }: { count: number; seed: number },
  played: Played,
): Promise<void> {
  const plans = plansOf(stage.operations)
  for (let done = 0; done < count; done += BATCH) {
    await openAgain(stage)
    const batch = fc.sample(plans, { numRuns: Math.min(BATCH, count - done), seed: seed + done })
    const ready = batch.map((plan) => prepare(stage, plan))
    // What is wrong, and what only looks, must leave everything as it was: that is seen once for all of them.
    await playUnstored(
      stage,
      ready.filter(({ wrong, reads }) => wrong || reads),
      played,
    )
    await playInTurn(
      stage,
      ready.filter(({ wrong, reads }) => !wrong && !reads),
      played,
    )
  }
}

const OF_ACME = `/companies/${ACME}`
const STAFF = [ANNA, BERT, BELLA, DORA]

/** What chance has closed or taken away would refuse most of what follows: the company and the application that most requests are about. */
const OPEN: [string, string, object][] = [
  ['PATCH', OF_ACME, { active: true }],
  ['PATCH', '/applications/crm', { active: true, source_networks: null }],
  ['PATCH', `${OF_ACME}/licenses/crm`, { suspended: false, from: null, until: null, seats: 12 }],
  ['POST', '/applications/crm/roles', { key: 'clerk', permissions: ['create_invoice'] }],
  ['POST', '/applications/crm/roles', { key: 'viewer', permissions: ['list_invoices'] }],
  ['POST', `${OF_ACME}/roles`, { application: 'crm', key: 'own', permissions: ['create_invoice'] }],
  ...STAFF.flatMap((user): [string, string, object][] => [
    ['PATCH', `/users/${user}`, { active: true }],
    ['POST', `${OF_ACME}/members`, { user }],
    ['PATCH', `${OF_ACME}/members/${user}`, { active: true }],
    ['PUT', `${OF_ACME}/seats/crm/${user}`, { starts_at: null, ends_at: null }],
  ]),
]

async function openAgain({ url, keys, known }: Stage): Promise<void> {
  const headers = { authorization: `Bearer ${keys.operator}`, 'content-type': 'application/json' }
  for (const [method, path, body] of OPEN) {
    const wire = { method, path: `/api/v1/admin${path}`, headers, body: Buffer.from(JSON.stringify(body)) }
    const { status, text } = await send(url, wire)
    // What is there already, whoever was deleted, and a role of a permission that a manifest removed.
    const isGone = status === 404 || status === 409 || (status === 400 && path.endsWith('/roles'))
    if (status >= 300 && !isGone) throw new Error(`${path} was answered with ${status}: ${text}`)
  }
  for (const user of STAFF) {
    const path = `/api/v1/admin${OF_ACME}/members/${user}/grants`
    const { body } = await send(url, { method: 'GET', path, headers, body: undefined })
    known.learn('grants.list', body, {})
  }
}

function prepare({ operations, known, keys }: Stage, plan: Plan): Ready {
  const wire = asWire(plan, known, keys)
  const asked = askedFor(operations, wire)
  return {
    wire,
    plan,
    wrong: asked !== undefined && isWrong(asked, wire),
    // Exports are acts, and few of them run at a time.
    reads: (wire.method === 'GET' || wire.method === 'HEAD') && !/^(audit\.)?export$/.test(asked?.operation.id ?? ''),
  }
}

async function playUnstored(stage: Stage, ready: readonly Ready[], played: Played): Promise<void> {
  const before = await stage.digest.read()
  const left = [...ready]
  const connection = async () => {
    for (let next = left.shift(); next; next = left.shift()) await ask(stage, next, played)
  }
  await Promise.all(Array.from({ length: stage.connections }, connection))
  const after = await stage.digest.read()
  if (after === before) return
  for (const each of ready) {
    const [one, , two] = [await stage.digest.read(), await ask(stage, each, played), await stage.digest.read()]
    if (one !== two) note(played, each, `stored something in ${stage.digest.differing(one, two)}`)
  }
  if (ready[0])
    note(played, ready[0], `or another of its batch stored something in ${stage.digest.differing(before, after)}`)
}

async function playInTurn(stage: Stage, ready: readonly Ready[], played: Played): Promise<void> {
  let before = await stage.digest.read()
  for (const each of ready) {
    await withTag(stage, each)
    const answer = await ask(stage, each, played)
    const after = await stage.digest.read()
    if (after !== before && answer && answer.status >= 400)
      note(
        played,
        each,
        `was refused with ${answer.status} ${answer.body?.code}, and stored something in ${stage.digest.differing(before, after)}`,
      )
    if (after !== before) played.stored++
    before = after
  }
}

/** With the tag of what is there, as whoever read it before would send it; sometimes of something else. */
async function withTag({ url, keys }: Stage, { wire, plan }: Ready): Promise<void> {
  const wants = plan.operation.parameters.some((each) => each.name === 'If-Match')
  if (!wants || (plan.spoilt?.how === 'header' && plan.spoilt.name === 'if-match')) return
  if (plan.luck % 8 === 0) {
    wire.headers['if-match'] = '"of-something-else"'
    return
  }
  const [path = ''] = wire.path.split('?')
  const authorization = `Bearer ${keys.operator}`
  // What is applied is a plan, which is asked for by the same body.
  const answer =
    plan.operation.id === 'manifest.apply'
      ? await send(url, { ...wire, method: 'POST', path: `${path}/plan`, headers: { ...wire.headers, authorization } })
      : await send(url, { method: 'GET', path, headers: { authorization }, body: undefined })
  wire.headers['if-match'] = String(answer.body?.etag ?? answer.headers.etag ?? '"of-nothing"')
}

async function ask(
  { url, operations, known, hears }: Stage,
  ready: Ready,
  played: Played,
): Promise<Answer | undefined> {
  const { wire } = ready
  played.requests++
  if (ready.wrong) played.wrong++
  const answer = await send(url, wire).catch((error: Error) => {
    note(played, ready, `got no answer: ${error.message}`)
    return undefined
  })
  if (!answer) return undefined
  hears?.(wire, answer)
  played.answers.set(answer.status, (played.answers.get(answer.status) ?? 0) + 1)
  const asked = askedFor(operations, wire)
  for (const fault of faultsOf(asked, wire, answer)) note(played, ready, fault, answer)
  if (asked) played.seen.add(`${asked.operation.id} ${answer.body?.code ?? answer.status}`)
  if (asked && answer.status < 300) {
    known.learn(asked.operation.id, answer.body, asked.path)
  }
  return answer
}

const kinds = new WeakMap<Played, Map<string, string>>()

function note(played: Played, { wire, plan }: Ready, fault: string, answer?: Answer): void {
  const known = kinds.get(played) ?? new Map<string, string>()
  kinds.set(played, known)
  const kind = `${plan.operation.id} ${fault.replace(/[0-9a-f-]{20,}/g, '…')}`
  const line = known.get(kind) ?? `${plan.operation.id} ${fault}: ${shown(wire)} -> ${answer?.text.slice(0, 300) ?? ''}`
  known.set(kind, line)
  played.faults.set(line, (played.faults.get(line) ?? 0) + 1)
}
