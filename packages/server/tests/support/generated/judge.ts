import type { Json, Operation } from './description.ts'
import type { Answer, Wire } from './wire.ts'

const LARGEST = 256 * 1024
const LARGEST_SIGN_IN = 16 * 1024
/** Of any address, and said in the description's first lines. */
const ANYWHERE = [404, 405, 408, 417, 431]
/** What is stored as it was sent. */
const ECHOED = ['first_name', 'last_name', 'name', 'note', 'reason', 'pin', 'active', 'suspended', 'grace_days']

type Asked = { operation: Operation; path: Record<string, string>; query: URLSearchParams }

/** What is asked for, as the description has it; undefined where it has nothing there. */
export function askedFor(operations: readonly Operation[], { method, path }: Wire): Asked | undefined {
  const [address = '', query = ''] = path.split('#')[0]?.split('?', 2) ?? []
  if (/%(?![0-9a-f]{2})/i.test(path)) return undefined
  const segments = address.replace(/\/$/, '').split('/')
  const fitting = operations.flatMap((operation) => {
    if (operation.method !== method) return []
    const pattern = operation.path.replace(/\/$/, '').split('/')
    const found: Record<string, string> = {}
    const fits =
      pattern.length === segments.length &&
      pattern.every((part, at) => {
        const segment = segments[at] ?? ''
        if (!part.startsWith('{')) return part === segment
        found[part.slice(1, -1)] = readSegment(segment)
        return segment !== ''
      })
    return fits ? [{ operation, path: found, query: new URLSearchParams(query) }] : []
  })
  // Where two fit, the one with fewer parameters.
  return fitting.sort((a, b) => Object.keys(a.path).length - Object.keys(b.path).length)[0]
}

function readSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return '\ufffd'
  }
}

/** Whether the description says that this is no request of the form. Who asks, and what there is, is not looked at. */
export function isWrong({ operation, path, query }: Asked, wire: Wire): boolean {
  const isAdmin = operation.path.startsWith('/api/v1/admin/')
  for (const { in: place, name, required, schema: _schema, holds } of operation.parameters) {
    if (place === 'path' && !holds(path[name])) return true
    if (place === 'query' && (query.has(name) ? query.getAll(name).length > 1 || !holds(query.get(name)) : required))
      return true
    if (place === 'header' && required && !String(wire.headers[name.toLowerCase()] ?? '').trim()) return true
  }
  const names = operation.parameters.filter((each) => each.in === 'query').map((each) => each.name)
  if (isAdmin && [...query.keys()].some((name) => !names.includes(name))) return true
  if (wire.method === 'GET') return false
  if (wire.body && wire.body.length > (isAdmin ? LARGEST : LARGEST_SIGN_IN)) return operation.body !== undefined
  if (!operation.body) return false
  if (!wire.body || wire.body.length === 0) return true
  if (!/^application\/json\s*(;|$)/i.test(String(wire.headers['content-type'] ?? ''))) return true
  const body = readBody(wire.body)
  return body === undefined || !operation.body.holds(body.value)
}

function readBody(bytes: Buffer): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(bytes.toString()) }
  } catch {
    return undefined
  }
}

/** What is not as the description says. */
export function faultsOf(asked: Asked | undefined, wire: Wire, answer: Answer): string[] {
  const { status, headers } = answer
  const faults: string[] = []
  if (status >= 500) faults.push(`was answered with ${status}`)
  if (status < 200 || (status >= 300 && status < 400)) faults.push(`was answered with ${status}`)
  if (!headers['x-request-id']) faults.push('has no X-Request-Id')
  if (wire.method === 'HEAD') return faults
  if (!asked) {
    if (status >= 400 && !isRefusal(answer.body)) faults.push(`${status} has no message`)
    return faults
  }
  if (status < 400 && isWrong(asked, wire)) faults.push(`is wrong, and was answered with ${status}`)
  const documented = asked.operation.answers.get(status)
  if (!documented) {
    if (!ANYWHERE.includes(status)) faults.push(`may not answer ${status} (${answer.body?.code})`)
    return faults
  }
  const type = String(headers['content-type'] ?? '').split(';')[0] ?? ''
  const holds = documented.types.get(type)
  if (documented.types.size === 0 && answer.text !== '') faults.push(`${status} has a body`)
  else if (documented.types.size > 0 && !holds) faults.push(`${status} is ${type || 'of no type'}`)
  else if (holds && !holds(/json$/.test(type) && !/ndjson/.test(type) ? answer.body : answer.text)) {
    const { instancePath, message, params } = holds.errors?.[0] ?? {}
    const told = answer.body?.code ?? ''
    faults.push(`${status} ${told}: ${instancePath} ${message} ${JSON.stringify(params).slice(0, 100)}`)
  }
  if (status < 400) faults.push(...headersMissing(asked, documented.headers, answer), ...notEchoed(wire, answer.body))
  return faults
}

function isRefusal(body: Json): boolean {
  return typeof body?.message === 'string' || typeof body?.code === 'string'
}

function headersMissing({ query }: Asked, names: readonly string[], { status, headers }: Answer): string[] {
  // A preview's tag would be of nothing that is there.
  return names
    .filter((name) => headers[name.toLowerCase()] === undefined && query.get('preview') !== 'true')
    .map((name) => `${status} has no ${name}`)
}

function notEchoed({ method, body }: Wire, told: Json): string[] {
  if (method === 'GET') return []
  const sent = body && (readBody(body)?.value as Json)
  if (typeof sent !== 'object' || sent === null || typeof told !== 'object' || told === null) return []
  return ECHOED.filter((name) => Object.hasOwn(sent, name) && name in told && sent[name] !== told[name]).map(
    (name) => `stored another ${name}`,
  )
}
