import { randomBytes } from 'node:crypto'
import { type FastifyInstance, fastify, LogController } from 'fastify'
import type { Context } from '../context.ts'
import { AppError } from '../errors.ts'
import { isRichClient } from './callers.ts'
import { hasChunksLeft, refuseCrumbs } from './crumbs.ts'
import type { Door } from './door.ts'
import { boundRest } from './drain.ts'
import { asAppError, errorBody, sendError } from './errors.ts'
import { forwardedWatch } from './forwarded.ts'
import { answerMalformed } from './malformed.ts'
import type { Metrics } from './metrics.ts'
import { routes } from './routes.ts'

const BODY_LIMIT = 256 * 1024
/** What begins as our secrets do is none: it would be in the log. */
const REQUEST_ID = /^(?!cl[a-z]_)[A-Za-z0-9._-]{1,64}$/

/** These say by themselves what closing means. */
const HEALTH = new Set(['/livez', '/readyz'])

/** Builds the HTTP server; nothing listens yet. */
export async function createServer(ctx: Context, door: Door, metrics: Metrics): Promise<FastifyInstance> {
  const requestIds = newRequestIds()
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    requestTimeout: 30_000,
    // Node would answer a missing host itself, without a body: old clients can't read that.
    http: { headersTimeout: 15_000, maxHeaderSize: 16_384, requireHostHeader: false },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
    trustProxy: ctx.config.trustedProxies.length > 0 ? [...ctx.config.trustedProxies] : false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIds,
    clientErrorHandler: (error, socket) => answerMalformed(error, socket),
    frameworkErrors: (error, request, reply) => sendError(ctx, request, reply, asAppError(error)),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  })
  takeJson(app)
  const logsAnswers = ctx.log.isLevelEnabled('debug')
  // With `done`, not `async`, here and below: a promise less in every request.
  const watchForwarded = forwardedWatch(ctx)
  const leave = () => {
    door.underWay--
  }
  app.addHook('onRequest', (request, reply, done) => {
    watchForwarded(request)
    refuseCrumbs(request.raw)
    reply.header('cache-control', 'no-store').header('x-request-id', request.id)
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1')
      return done(new AppError('malformed_request', { detail: 'The request names no host.' }))
    if (HEALTH.has(request.routeOptions.url ?? '')) return done()
    if (!door.isClosing) {
      door.underWay++
      // Also where the caller has gone.
      reply.raw.on('close', leave)
      return done()
    }
    reply.header('connection', 'close')
    done(new AppError('shutting_down', { detail: 'The server is closing. Try again in a moment.', retryAfter: 1 }))
  })
  // Also to a request that came before: a connection that is kept would hold the end up until its caller lets go.
  app.addHook('onSend', (request, reply, payload, done) => {
    if (door.isLeaving || hasChunksLeft(request.raw)) reply.header('connection', 'close')
    done(null, payload)
  })
  // Only where somebody reads it: what follows an answer costs as much as a part of it.
  const isCounted = ctx.config.metrics !== undefined
  if (isCounted || logsAnswers)
    app.addHook('onResponse', (request, reply, done) => {
      const route = request.routeOptions.url ?? '(no such address)'
      const { elapsedTime } = reply
      if (isCounted)
        metrics.requests.observe({ method: request.method, route, status: reply.statusCode }, elapsedTime / 1000)
      // The pattern, not the address as it came: that may hold anything.
      if (logsAnswers) {
        const { id, method } = request
        ctx.log.debug({ request: id, method, route, status: reply.statusCode, ms: elapsedTime }, 'answered')
      }
      done()
    })
  app.setErrorHandler(async (error, request, reply) => {
    const known = asAppError(error)
    if (known.code === 'body_too_large' || known.code === 'unsupported_media_type') {
      // The framework would close at once, under a caller that still sends.
      reply.removeHeader('connection')
      boundRest(request.raw)
    }
    return sendError(ctx, request, reply, known)
  })
  const methods = methodsByAddress(app)
  app.setNotFoundHandler((request, reply) => {
    const allowed = methods(request.url)
    if (allowed.length === 0) {
      return sendError(
        ctx,
        request,
        reply,
        new AppError('not_found', {
          detail:
            'There is nothing at this address. The calls are under /api/v1/auth/, /api/v1/application/ and /api/v1/admin/; /docs tells of all.',
        }),
      )
    }
    reply.header('allow', allowed.join(', '))
    const detail = `This address takes ${allowed.join(', ')}, not ${request.method}.`
    return sendError(ctx, request, reply, new AppError('method_not_allowed', { detail }))
  })
  await app.register(routes(ctx, door))
  app.server.on('checkExpectation', (request, response) => {
    const requestId = requestIds(request)
    const body = errorBody(new AppError('expectation_failed'), { isRich: isRichClient(request), requestId })
    response.writeHead(417, {
      'content-type': body.type,
      'content-length': Buffer.byteLength(body.text),
      'cache-control': 'no-store',
      'x-request-id': requestId,
    })
    response.end(body.text)
  })
  return app
}

/** A caller's own id where it is one, else a number of this process: unique enough to find a line in a log. */
function newRequestIds(): (request: { headers: Record<string, string | string[] | undefined> }) => string {
  const process = randomBytes(6).toString('base64url')
  let count = 0
  return ({ headers }) => {
    const given = headers['x-request-id']
    return typeof given === 'string' && REQUEST_ID.test(given) ? given : `${process}-${(++count).toString(36)}`
  }
}

/** JSON only; an empty body is no body, as curl sends it. */
function takeJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else parse(request, body.toString(), done)
  })
}

/** Which methods an address takes, to tell "not here" from "not like this". */
function methodsByAddress(app: FastifyInstance): (url: string) => string[] {
  const routes: { pattern: RegExp; methods: string[] }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = url
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:[A-Za-z_]+/g, '[^/]+')
      .replace(/\/$/, '')
    routes.push({ pattern: new RegExp(`^${pattern}/?$`), methods: [method].flat() })
  })
  return (url) => {
    const [path = ''] = url.split('?')
    return [...new Set(routes.filter((route) => route.pattern.test(path)).flatMap((route) => route.methods))]
  }
}
