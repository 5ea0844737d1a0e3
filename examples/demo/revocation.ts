// A right is taken away: the application is told by a signed event, and the session has lost it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Session } from 'cloudspot-license-api'
import { LicenseAdmin } from 'cloudspot-license-api/admin'
import { type PermissionsUpdated, verifyWebhook, WebhookError } from 'cloudspot-license-api/webhooks'

export type Revoked = {
  role: string
  company: string
  /** What the application was told. */
  event: PermissionsUpdated
  /** From the answer to whoever took it away until the application had the event. */
  ms: number
  /** Whether an event with another signature was taken. */
  forgedTaken: boolean
  /** What the session answers now. */
  left: readonly string[]
}

/** Takes a role at a company from whoever is signed in, as an operator does by the admin API. */
export async function revoke(
  { url, apiKey }: { url: string; apiKey: string },
  session: Session,
  { application, role, company }: { application: string; role: string; company: { id: string; name: string } },
): Promise<Revoked> {
  const admin = new LicenseAdmin({ baseUrl: url, apiKey })
  await using receiver = await startReceiver()
  const endpoint = await admin.endpoints.create(application, { url: receiver.url, types: ['permissions.updated'] })
  receiver.takes(endpoint.secret)

  const { id: user } = await session.getUser()
  if (user === undefined) throw new Error('this server tells no user ids')
  const grants = await Array.fromAsync(admin.grants.list({ company: company.id, user, application }))
  const grant = grants.find((each) => each.role?.key === role)
  if (!grant) throw new Error(`nobody gave the role ${role}`)
  await admin.grants.remove({ company: company.id, id: grant.id })
  const since = performance.now()
  const event = await receiver.event
  const ms = Math.round(performance.now() - since)

  const forged = await fetch(receiver.url, {
    method: 'POST',
    headers: {
      'webhook-id': event.id,
      'webhook-timestamp': `${Math.floor(Date.now() / 1000)}`,
      'webhook-signature': 'v1,AAAA',
    },
    body: JSON.stringify({ type: event.type, timestamp: event.timestamp, data: event.data }),
  })
  await admin.endpoints.remove(application, endpoint.id)
  const left = await session.getPermissions()
  return {
    role: grant.role?.name ?? role,
    company: company.name,
    event,
    ms,
    forgedTaken: forged.ok,
    left: left.companies.find(({ id }) => id === company.id)?.permissions ?? [],
  }
}

/** What an application does with its events, in the fewest lines. */
async function startReceiver() {
  const { promise: event, resolve } = Promise.withResolvers<PermissionsUpdated>()
  let secret = ''
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      const told = await verifyWebhook(await buffer(request), request.headers, secret)
      if (told.type === 'permissions.updated') resolve(told)
      response.writeHead(204).end()
    } catch (error) {
      response.writeHead(error instanceof WebhookError ? 400 : 500).end()
    }
  }
  const server = createServer((request, response) => void take(request, response))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo // It listens on a port.
  return {
    url: `http://127.0.0.1:${port}/license-events`,
    event,
    takes(itsSecret: string) {
      secret = itsSecret
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}
