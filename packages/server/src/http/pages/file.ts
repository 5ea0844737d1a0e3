import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance } from 'fastify'

export type StaticFile = {
  url: string
  /** A `file:` URL. */
  file: string
  type: string
  headers: Record<string, string>
}

/** Serves one file of ours, which is read when it is asked for: nothing of it stays in memory but what tells whether a browser has it already. */
export function serveFile(app: FastifyInstance, { url, file, type, headers }: StaticFile): void {
  const path = new URL(file)
  let tag: Promise<string> | undefined
  const options = { schema: { hide: true } }
  app.get(url, options, async (request, reply) => {
    tag ??= tagOf(path).catch((error) => {
      tag = undefined
      throw error
    })
    const etag = await tag
    reply.headers({ ...headers, 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache', etag })
    if (hasIt(request.headers['if-none-match'], etag)) return reply.code(304).send()
    const { size } = await stat(path)
    return reply.type(type).header('content-length', size).send(createReadStream(path))
  })
}

/** Of its content: when npm installs a package, the files of all versions have one date. */
async function tagOf(path: URL): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return `"${hash.digest('base64url').slice(0, 24)}"`
}

function hasIt(seen: string | undefined, etag: string): boolean {
  const tags = (seen ?? '').split(',').map((each) => each.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(etag)
}
