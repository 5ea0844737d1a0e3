import type { IncomingMessage } from 'node:http'

/** In one turn of the event loop, besides what came with the same read. */
const CHUNKS_A_TURN = 1_000

/** A body in chunks of one byte costs a call each: others get their turn between two reads of it (drill/bounded-work.ts). */
export function paceChunks(request: IncomingMessage): void {
  if (request.headers['transfer-encoding'] === undefined) return
  const { socket } = request
  const push = request.push.bind(request)
  let chunks = 0
  request.push = (chunk, encoding) => {
    if (++chunks === CHUNKS_A_TURN) {
      socket.pause()
      setImmediate(() => {
        chunks = 0
        socket.resume()
      })
    }
    return push(chunk, encoding)
  }
}
