import type { IncomingMessage } from 'node:http'

/** No client of anybody's sends so many chunks that are so small. */
const MANY_CHUNKS = 1_000
const SMALL_BYTES = 16

/** A chunk costs a call, however small: of a body in crumbs no more than these are taken (tests/http/sizes.test.ts). */
export function refuseCrumbs(request: IncomingMessage): void {
  if (!isChunked(request)) return
  const push = request.push.bind(request)
  let chunks = 0
  let bytes = 0
  request.push = (chunk: Buffer | null, encoding) => {
    if (request.destroyed) return false
    bytes += chunk?.length ?? 0
    if (++chunks < MANY_CHUNKS || bytes >= chunks * SMALL_BYTES) return push(chunk, encoding)
    request.destroy()
    return false
  }
}

/** A body in chunks that was refused is not read to its end: Node would drop it crumb by crumb. */
export function hasChunksLeft(request: IncomingMessage): boolean {
  return isChunked(request) && !request.complete
}

function isChunked(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined
}
