// An application that lets a supporter in as one of its users (docs/impersonation.md): the address that takes the one-time token,
// what it shows meanwhile, and the way out. Run by packages/server/tests/http/impersonate-page.test.ts in a browser.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type LicenseClient, LicenseError, NoValidToken, type Session } from 'cloudspot-license-api'

/** `licenseOrigin`: where the License server's page is, whose form alone is taken, such as https://license.example. */
export function createApp(license: LicenseClient, licenseOrigin: string): Server {
  // By a cookie that no script reads. In memory, for an example; elsewhere in the application's own session store.
  const sessions = new Map<string, Session>()

  async function enter(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers.origin !== licenseOrigin) return show(response, 403, '<p>Begin at the License server.</p>')
    const session = await license.validateImpersonation((await readForm(request)).get('token') ?? '')
    const id = randomUUID()
    sessions.set(id, session)
    // Lax, not Strict: the browser comes from another site. On https also Secure.
    response.setHeader('set-cookie', `acting=${id}; HttpOnly; SameSite=Lax; Path=/`)
    response.writeHead(303, { location: '/' }).end()
  }

  async function look(session: Session, response: ServerResponse): Promise<void> {
    const { impersonation } = session
    // Asked in every request: what has ended is refused in the next one.
    const permissions = await session.getCompanyPermissions(impersonation?.companyId ?? '')
    const until = impersonation?.endsAt?.toISOString().slice(11, 16)
    const who = impersonation?.impersonatedBy?.name ?? 'Somebody'
    const company = session.user?.company?.name ?? 'one company'
    show(
      response,
      200,
      `<p role="status"><b>${escaped(who)}</b> acts as ${escaped(impersonation?.username ?? '')} for ${escaped(company)}, until ${until} UTC: ${escaped(impersonation?.reason ?? '')}</p>
<form method="post" action="/leave"><button>Leave</button></form>
<h1>Invoices</h1>
<ul>${permissions.map((slug) => `<li>${escaped(slug)}</li>`).join('')}</ul>`,
    )
  }

  async function leave(id: string, session: Session, response: ServerResponse): Promise<void> {
    sessions.delete(id)
    await session.signOut()
    response.setHeader('set-cookie', 'acting=; Max-Age=0; Path=/')
    show(response, 200, '<p>You act as nobody any more.</p>')
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = `${request.method} ${request.url}`
    if (line === 'POST /impersonation') return enter(request, response)
    const id = /(?:^|; )acting=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1] ?? ''
    const session = sessions.get(id)
    if (line === 'GET /' && session) return look(session, response)
    if (line === 'POST /leave' && session) return leave(id, session, response)
    show(response, 404, '<p>There is nothing here.</p>')
  }

  return createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      // The token was used, it ended at its time, or somebody ended it.
      if (error instanceof NoValidToken) return show(response, 401, '<p>This is over. Begin again.</p>')
      const sentence = error instanceof LicenseError ? 'Nobody can be let in just now.' : 'Something went wrong.'
      show(response, 503, `<p>${sentence}</p>`)
    })
  })
}

function show(response: ServerResponse, status: number, body: string): void {
  const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }
  response.writeHead(status, headers).end(`<!doctype html>\n<html lang="en">\n<title>CRM</title>\n${body}\n</html>\n`)
}

/** A one-time token is short: of more than that nothing is read. */
async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > 1_000) return new URLSearchParams()
  }
  return new URLSearchParams(text)
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
