import type { FastifyInstance } from 'fastify'
import { serveFile } from './file.ts'

/** Nothing but what we serve ourselves runs, loads or is asked on the page, and no other page frames it. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // The icons in swagger-ui's styles are part of them.
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const SECURE = {
  'content-security-policy': CSP,
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

const JAVASCRIPT = 'text/javascript; charset=utf-8'
const CSS = 'text/css; charset=utf-8'

/** The API's description, and pages that people read it on. What `#` stands for is in package.json: the source's, or the build's. */
export async function docsRoutes(app: FastifyInstance): Promise<void> {
  serveFile(app, {
    url: '/api/v1/openapi.json',
    file: import.meta.resolve('#openapi'),
    type: 'application/json; charset=utf-8',
    headers: {},
  })
  // Relative, so that it also holds below a proxy's folder.
  app.addHook('onRequest', (request, reply, done) => {
    if (/^[^?]*\/docs(\?|$)/.test(request.url)) reply.redirect('docs/')
    else done()
  })
  const page = (url: string, file: string, type: string) => serveFile(app, { url, file, type, headers: SECURE })
  page('/docs/', import.meta.resolve('#pages/docs/index.html'), 'text/html; charset=utf-8')
  page('/docs/docs.js', import.meta.resolve('#pages/docs/docs.js'), JAVASCRIPT)
  page('/docs/docs.css', import.meta.resolve('#pages/docs/docs.css'), CSS)
  page('/docs/swagger-ui-bundle.js', import.meta.resolve('#swagger-ui/swagger-ui-bundle.js'), JAVASCRIPT)
  page('/docs/swagger-ui.css', import.meta.resolve('#swagger-ui/swagger-ui.css'), CSS)
  page('/docs/favicon.png', import.meta.resolve('#swagger-ui/favicon-32x32.png'), 'image/png')
}
