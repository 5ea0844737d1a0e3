import type { IncomingMessage } from 'node:http'

const MAX_BYTES = 32 * 1024 * 1024
const MAX_MS = 10_000

/**
 * Reads and drops what is left of a body that was refused, within bounds. True when all of it came: the connection can
 * stay. Old clients that still send when they are answered see a broken connection instead of the answer.
 */
export function drain(request: IncomingMessage): Promise<boolean> {
  if (request.complete) return Promise.resolve(true)
  return new Promise((resolve) => {
    let bytes = 0
    const timer = setTimeout(() => finish(false), MAX_MS)
    const finish = (whole: boolean) => {
      clearTimeout(timer)
      request.off('data', count).off('end', ended).off('close', closed)
      resolve(whole)
    }
    const count = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_BYTES) finish(false)
    }
    const ended = () => finish(true)
    const closed = () => finish(false)
    request.on('data', count).on('end', ended).on('close', closed)
    request.resume()
  })
}
