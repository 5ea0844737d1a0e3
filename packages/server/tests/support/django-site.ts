import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export type DjangoSite = {
  /** As an operator enters it. */
  base: string
  /** What it was asked for: `GET /auth/impersonation`. */
  asked: string[]
  /** What it answers from now on. */
  answer: { status: number; body: string; headers?: Record<string, string> }
  /** Where a server must be allowed to call to. */
  env: Record<string, string>
  [Symbol.asyncDispose](): Promise<void>
}

/** A site with the Django package, as far as the License server asks it anything. */
export async function startDjangoSite(): Promise<DjangoSite> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const { status, body, headers } = site.answer
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // Of a port, not of a pipe.
  const site: DjangoSite = {
    base: `http://127.0.0.1:${port}/auth`,
    asked,
    answer: { status: 200, body: '{"status":"operational"}' },
    env: { LICENSE_ALLOWED_NETWORKS: '127.0.0.0/8' },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return site
}
