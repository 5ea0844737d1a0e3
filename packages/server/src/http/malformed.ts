import type { Socket } from 'node:net'
import { AppError, type ErrorCode } from '../errors.ts'
import { rawAnswer } from './errors.ts'

const CODES: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}
const LINGER_MS = 1_000
const answered = new WeakSet<Socket>()

/** Answers what is no HTTP, or too much of it, with JSON that old clients can read; the framework's own has other keys. */
export function answerMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (answered.has(socket)) return
  answered.add(socket)
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  socket.end(rawAnswer(new AppError(CODES[error.code ?? ''] ?? 'malformed_request')))
  // Closing while the caller still sends would reset the connection under the answer: what comes is read and dropped.
  socket.removeAllListeners('data')
  socket.on('error', () => socket.destroy())
  socket.resume()
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
