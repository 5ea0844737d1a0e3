import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Context } from '../../context.ts'
import { findManagedApplication } from '../../directory/application-store.ts'
import { UUID } from '../../domain/limits.ts'
import { findImpersonation } from '../../impersonation/impersonation-store.ts'
import { IMPERSONATE } from '../../impersonation/way-in.ts'
import { DEADLINE_MS } from '../deadline.ts'

/**
 * A page that hands an impersonation's one-time token to the application's own address, when somebody presses its button. What looks at the
 * address before (a link's preview, a scanner) uses nothing up, and neither address nor log has the token.
 */
export function impersonatePage(ctx: Context): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    // Of the API's description: no part of the API.
    const hidden = { schema: { hide: true } }
    app.get(`${IMPERSONATE}/page.js`, hidden, (_request, reply) => secure(reply).type(JAVASCRIPT).send(SCRIPT))
    app.get(`${IMPERSONATE}/page.css`, hidden, (_request, reply) => secure(reply).type(CSS).send(STYLE))
    app.get<{ Params: { id: string } }>(
      `${IMPERSONATE}/:id`,
      { ...hidden, handlerTimeout: DEADLINE_MS },
      async ({ params }, reply) => {
        const found = await findWaiting(ctx, params.id)
        if (!found) return secure(reply).code(404).type(HTML).send(page(GONE))
        const { name, address } = found
        return secure(reply, new URL(address).origin)
          .type(HTML)
          .send(page(formOf(name, address)))
      },
    )
  }
}

/** What is told of it to whoever has the address: the application, not whose it is. */
async function findWaiting(ctx: Context, id: string): Promise<{ name: string; address: string } | undefined> {
  if (!UUID.test(id)) return undefined
  const found = await findImpersonation(ctx.db.read, id.toLowerCase(), ctx.now())
  if (found?.state !== 'waiting') return undefined
  const application = await findManagedApplication(ctx.db.read, found.applicationId)
  if (!application?.isActive || application.impersonationUrl === null) return undefined
  return { name: application.name, address: application.impersonationUrl }
}

const HTML = 'text/html; charset=utf-8'
const JAVASCRIPT = 'text/javascript; charset=utf-8'
const CSS = 'text/css; charset=utf-8'

/** Nothing runs but our script, and the form goes to the application's own origin alone. */
function secure(reply: FastifyReply, formAction = "'none'"): FastifyReply {
  const csp = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "base-uri 'none'",
    `form-action ${formAction}`,
    "frame-ancestors 'none'",
  ].join('; ')
  return reply.headers({
    'content-security-policy': csp,
    // The application is told where the form comes from, and no more of the address.
    'referrer-policy': 'strict-origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'x-robots-tag': 'noindex',
  })
}

function page(body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Act as somebody else</title>
<link rel="stylesheet" href="page.css">
<script src="page.js" defer></script>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`
}

const GONE = `<h1>This is over</h1>
<p>The one-time token of this address was used, or it is too old, or was ended. Begin again.</p>`

function formOf(name: string, address: string): string {
  return `<h1>Act as somebody else in ${escaped(name)}</h1>
<p>This opens ${escaped(name)} as the user for whom it was begun. It works once, within two minutes of its beginning. That it was you is
written down, and why.</p>
<form method="post" action="${escaped(address)}" autocomplete="off">
<input type="hidden" name="token" value="">
<button disabled>Open ${escaped(name)}</button>
</form>
<p id="missing" hidden>The address lacks its one-time token, what stands after #: open it whole, or begin again.</p>
<noscript><p>This page needs JavaScript to hand the one-time token on.</p></noscript>`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Takes the one-time token out of the address and of the browser's history, and waits for the button. */
const SCRIPT = `const form = document.querySelector('form')
const token = location.hash.slice(1)
history.replaceState(null, '', location.pathname)
if (form && /^[0-9a-f-]{36}$/.test(token)) {
  form.elements.token.value = token
  const button = form.querySelector('button')
  button.disabled = false
  button.focus()
  form.addEventListener('submit', () => {
    button.disabled = true
  })
} else if (form) {
  document.getElementById('missing').hidden = false
}
`

const STYLE = `:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 34rem; margin: 12vh auto; padding: 0 1rem }
h1 { font-size: 1.4rem }
button { font: inherit; padding: 0.5rem 1rem }
`
