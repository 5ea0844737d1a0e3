import { Agent, request } from 'node:http'
import type { Json, Operation } from './description.ts'
import type { Known } from './known.ts'
import type { Caller, Plan, Spoilt } from './requests.ts'
import { Pick } from './values.ts'

/** A request as it goes out. */
export type Wire = {
  method: string
  path: string
  headers: Record<string, string | string[]>
  body: Buffer | undefined
}

export type Answer = {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  body: Json
}

export type Keys = Record<Caller, string>

/** Puts a plan into the terms of this house. */
export function asWire(plan: Plan, known: Known, keys: Keys): Wire {
  const { operation, spoilt, luck } = plan
  const headers: Wire['headers'] = {}
  if (operation.path.startsWith('/api/v1/admin/')) headers.authorization = `Bearer ${keys[plan.caller]}`
  if (operation.path.startsWith('/api/v1/auth/')) {
    const module = luck % 5 === 0 ? known.pick(new Pick('application', luck)) : 'crm'
    headers['x-license-module'] = module
    const secret = known.newest(`secret ${module}`)
    if (secret !== undefined && luck % 7 > 0) headers['x-license-secret'] = secret
    headers['x-license-token'] = known.pick(new Pick('token', luck))
  }
  // A tag is put in place of it: generated/play.ts.
  for (const [name, value] of plan.headers) headers[name.toLowerCase()] = latin(known.resolve(value))
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => escaped(known.resolve(plan.path[name])))
  // Of a list that told no cursor yet, mostly the first page.
  const isTold = known.newest(`cursor ${operation.id}`) !== undefined
  const asked = plan.query.filter(([name]) => name !== 'cursor' || isTold || luck % 6 === 0)
  const query = asked.map(([name, value]): [string, unknown] => [
    name,
    known.resolve(name === 'cursor' && luck % 3 > 0 ? ownCursor(operation, value) : value),
  ])
  const body = operation.body ? (known.resolve(plan.body) as Json) : undefined
  const wire: Wire = {
    method: operation.method,
    path: path + asQuery(query),
    headers,
    body: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
  }
  if (wire.body) headers['content-type'] = 'application/json'
  if (wire.body && luck % 10 === 0) headers['transfer-encoding'] = 'chunked'
  if (spoilt) spoil(wire, spoilt, { path, query, body })
  return wire
}

function ownCursor({ id }: Operation, value: unknown): unknown {
  return value instanceof Pick ? new Pick(`cursor ${id}`, value.nth) : value
}

function asQuery(query: readonly [string, unknown][]): string {
  return query.length === 0 ? '' : `?${query.map(([name, value]) => `${escaped(name)}=${escaped(value)}`).join('&')}`
}

function escaped(value: unknown): string {
  return encodeURIComponent(String(typeof value === 'object' ? JSON.stringify(value) : value).toWellFormed())
}

function latin(value: unknown): string {
  return String(value).replace(/[^\t -~\x80-\xff]/g, '?')
}

function spoil(
  wire: Wire,
  spoilt: Spoilt,
  { path, query, body }: { path: string; query: [string, unknown][]; body: Json },
): void {
  const send = (value: string | Uint8Array) => {
    wire.body = Buffer.from(value as string)
    wire.headers['content-type'] ??= 'application/json'
  }
  switch (spoilt.how) {
    case 'field':
      if (typeof body !== 'object' || body === null) return
      spoilField(body, spoilt)
      send(JSON.stringify(body))
      return
    case 'body':
      send(JSON.stringify(spoilt.value))
      return
    case 'text':
      send(spoilt.text)
      return
    case 'type':
      if (spoilt.type === undefined) delete wire.headers['content-type']
      else wire.headers['content-type'] = spoilt.type
      return
    case 'query': {
      const name = spoilt.name ?? query[0]?.[0] ?? 'limit'
      const others = query.filter(([each]) => each !== name || spoilt.twice)
      wire.path =
        path + asQuery([...others, [name, spoilt.value], ...(spoilt.twice ? [[name, 'x'] as [string, string]] : [])])
      return
    }
    case 'tail':
      wire.path += spoilt.text
      return
    case 'path': {
      const segments = path.split('/')
      // Behind /api/v1/.
      const at = 3 + (spoilt.at % Math.max(1, segments.length - 3))
      segments[at] = spoilt.text
      wire.path = segments.join('/') + asQuery(query)
      return
    }
    case 'method':
      wire.method = spoilt.method
      return
    case 'header':
      if (spoilt.value === undefined) delete wire.headers[spoilt.name]
      else wire.headers[spoilt.name] = spoilt.value as string | string[]
  }
}

/** At one of all places in a body. */
function spoilField(body: Json, { at, name, value, does }: Spoilt & { how: 'field' }): void {
  const places: [Json, string][] = []
  const visit = (part: Json) => {
    if (typeof part !== 'object' || part === null) return
    for (const key of Object.keys(part)) {
      places.push([part, key])
      visit(part[key])
    }
  }
  visit(body)
  const [holder, key] = places[at % Math.max(1, places.length)] ?? [body, name]
  const put = (where: Json, field: string) =>
    Object.defineProperty(where, field, { value, enumerable: true, configurable: true, writable: true })
  if (does === 'add' || places.length === 0) put(Array.isArray(holder) ? body : holder, name)
  else if (does === 'replace') put(holder, key)
  else if (Array.isArray(holder)) holder.splice(Number(key), 1)
  else delete holder[key]
}

const agent = new Agent({ keepAlive: true, maxSockets: 8 })

/** Sends it once. Rejects when there was no whole answer. */
export function send(url: string, { method, path, headers, body }: Wire): Promise<Answer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const all = {
      ...headers,
      ...(body && !headers['transfer-encoding'] ? { 'content-length': String(body.length) } : {}),
    }
    const outgoing = request({ hostname, port, method, path, headers: all, agent, signal: AbortSignal.timeout(60_000) })
    outgoing.once('error', reject)
    outgoing.once('response', (incoming) => {
      const parts: Buffer[] = []
      incoming.on('data', (part: Buffer) => parts.push(part))
      incoming.once('error', reject)
      incoming.once('end', () => {
        const text = Buffer.concat(parts).toString()
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, body: readJson(text) })
      })
    })
    outgoing.end(body)
  })
}

function readJson(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** In a line. */
export function shown({ method, path, headers, body }: Wire): string {
  const { authorization: _key, ...rest } = headers
  return `${method} ${path.slice(0, 300)} ${JSON.stringify(rest).slice(0, 200)} ${body?.toString().slice(0, 300) ?? ''}`
}
