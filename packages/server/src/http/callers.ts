import type { FastifyRequest } from 'fastify'
import type { TokenClaim } from '../credentials/sessions.ts'
import { APPLICATION_ID } from '../domain/limits.ts'
import { AppError } from '../errors.ts'

const CLIENT = /^[A-Za-z0-9@._-]{1,64}\/[0-9A-Za-z.+-]{1,32}$/

/** Whether the caller can read more than the frozen key sets: it says so by naming itself. */
export function isRichClient(request: Pick<FastifyRequest, 'headers'> & { url?: string | undefined }): boolean {
  // No old client asks there.
  if (request.url !== undefined && /^\/api\/v1\/(admin|application)\//.test(request.url)) return true
  const client = request.headers['x-license-client']
  return typeof client === 'string' && CLIENT.test(client)
}

/** What a request says of itself: the application, its secret, the token. Nothing is believed yet. */
export function readClaim(request: FastifyRequest): TokenClaim {
  const module = readModule(request)
  return {
    applicationId: module,
    secret: readSecret(request, module),
    source: request.ip,
    token: singleHeader(request, 'x-license-token'),
  }
}

/** Where the end user is, as the application says; who may say so is the sign-in's to know. */
export function readUserAddress(request: FastifyRequest): string | undefined {
  return singleHeader(request, 'x-license-user-address')?.trim()
}

function readModule(request: FastifyRequest): string | undefined {
  const module = singleHeader(request, 'x-license-module')?.trim()
  if (module === undefined || module === '') return undefined
  // An id that can't be one is unknown, without asking the database.
  if (!APPLICATION_ID.test(module)) throw new AppError('unknown_application')
  return module
}

/** Node joins repeated headers with a comma and a blank; two of one of these is somebody's mistake, or worse. */
function singleHeader(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  if (value === undefined) return undefined
  const text = String(value)
  if (text.includes(', ')) requireOne(request, name)
  return text
}

function requireOne(request: FastifyRequest, name: string): void {
  const count = request.raw.rawHeaders.filter((raw, at) => at % 2 === 0 && raw.toLowerCase() === name).length
  if (count > 1)
    throw new AppError('malformed_request', { detail: `The header ${name.toUpperCase()} was sent ${count} times.` })
}

function readSecret(request: FastifyRequest, module: string | undefined): string | undefined {
  const header = singleHeader(request, 'x-license-secret')
  if (header !== undefined) return header
  const basic = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(request.headers.authorization ?? '')?.[1]
  if (basic === undefined) return undefined
  const [id, ...secret] = Buffer.from(basic, 'base64').toString('utf8').split(':')
  return id === module ? secret.join(':') : undefined
}
