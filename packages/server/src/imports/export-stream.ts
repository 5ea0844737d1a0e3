import { once } from 'node:events'
import { extname } from 'node:path'
import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { AppError } from '../errors.ts'
import type { ExportAsked, ExportTold, ExportWish } from './export-thread.ts'

/** Of whoever asked and does not take what comes: the house is held at one moment all the while. */
const STALLED_MS = 60_000

/**
 * A house as lines of JSON, as fast as they are taken, read by a thread of its own: nobody else waits for it. What breaks off ends
 * without its last line. @throws AppError `database_unavailable` where it can not begin
 */
export async function exportStream(wish: ExportWish): Promise<Readable> {
  // The same file is a .ts here and a .js in the package.
  const code = new URL(`./export-thread${extname(import.meta.url)}`, import.meta.url)
  const pieces = piecesOf(new Worker(code, { workerData: wish, name: 'export' }))
  const first = await pieces.next().catch((cause: unknown) => {
    throw new AppError('database_unavailable', { cause, retryAfter: 1 })
  })
  const stream = Readable.from(watched())
  return stream

  async function* watched(): AsyncGenerator<string> {
    try {
      if (!first.done) yield* taken(first.value)
      for await (const piece of pieces) yield* taken(piece)
    } finally {
      await pieces.return(undefined)
    }
  }

  async function* taken(piece: string): AsyncGenerator<string> {
    const timer = setTimeout(() => stream.destroy(new Error('nobody took what was exported')), STALLED_MS)
    try {
      yield piece
    } finally {
      clearTimeout(timer)
    }
  }
}

async function* piecesOf(worker: Worker): AsyncGenerator<string> {
  const ended = once(worker, 'exit').then((): ExportTold => ({ failed: 'the thread ended' }))
  const failed = new Promise<ExportTold>((resolve) => {
    worker.on('error', (error) => resolve({ failed: error instanceof Error ? error.message : String(error) }))
  })
  try {
    for (;;) {
      worker.postMessage(true satisfies ExportAsked)
      const answered = once(worker, 'message').then(([told]): ExportTold => told)
      answered.catch(() => undefined) // What `failed` tells.
      const told = await Promise.race([answered, failed, ended])
      if ('failed' in told) throw new Error(told.failed)
      if ('end' in told) return
      yield told.piece
    }
  } finally {
    worker.postMessage(false satisfies ExportAsked)
    await ended
  }
}
