import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyReply } from 'fastify'
import type { Context } from '../../context.ts'

/** Whoever takes nothing for so long is cut off. */
const STALLED_MS = 60_000

/**
 * Answers piece by piece, each made when the one before was taken, for as long as it takes. The first is made before anything is sent, so
 * that what fails at once is a refusal like any other; what fails later cuts the connection, and the end that the pieces promise is missing.
 */
export async function sendPieces(
  ctx: Pick<Context, 'log'>,
  reply: FastifyReply,
  headers: Record<string, string>,
  pieces: AsyncGenerator<string, void>,
): Promise<FastifyReply> {
  const first = await pieces.next()
  // Too late: it was refused meanwhile.
  if (reply.raw.headersSent) return reply
  // The deadline of a route is for its first word; from here on the answer is ours.
  reply.headers(headers).hijack()
  const { raw } = reply
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value)
  raw.setTimeout(STALLED_MS, () => raw.destroy())
  const all = async function* () {
    if (!first.done) yield first.value
    yield* pieces
  }
  try {
    await pipeline(Readable.from(all(), { objectMode: false }), raw)
  } catch (error) {
    if (!isCallersEnd(error)) ctx.log.error({ request: reply.request.id, err: error }, 'an answer was cut off')
  }
  return reply
}

/** The caller has gone, or took nothing. */
function isCallersEnd(error: unknown): boolean {
  return (error as { code?: string }).code === 'ERR_STREAM_PREMATURE_CLOSE'
}
