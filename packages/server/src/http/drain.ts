import type { IncomingMessage } from 'node:http'

const MAX_BYTES = 32 * 1024 * 1024
const MAX_MS = 10_000
const LOOK_MS = 100

/**
 * Sees to what is left of a body that was refused: Node reads and drops it, here within bounds. Old clients that still send
 * when they are answered would see a broken connection instead of the answer; what came whole leaves it open.
 */
export function boundRest(request: IncomingMessage): void {
  if (request.complete) return
  const { socket } = request
  const [firstByte, startedAt] = [socket.bytesRead, performance.now()]
  const timer = setInterval(() => {
    const isTooMuch = socket.bytesRead - firstByte > MAX_BYTES || performance.now() - startedAt > MAX_MS
    if (request.complete || socket.destroyed) clearInterval(timer)
    else if (isTooMuch) socket.destroy()
  }, LOOK_MS).unref()
}
