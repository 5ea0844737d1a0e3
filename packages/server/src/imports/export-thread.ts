// The thread of export-stream.ts: reads a house and writes it as lines, a piece whenever one is asked for.
import { parentPort, workerData } from 'node:worker_threads'
import type { DatabaseAddress } from '../db/database.ts'
import { openSnapshot } from '../db/house-snapshot.ts'
import { writeHouse } from './house-export.ts'
import type { FileKey } from './house-file.ts'

export type ExportWish = { address: DatabaseAddress; madeAt: number; key: FileKey }
/** A piece of the text; no piece is left; or it broke off. */
export type ExportTold = { piece: string } | { end: true } | { failed: string }
/** Whether more is wanted; if not, the thread ends. */
export type ExportAsked = boolean

const { address, madeAt, key } = workerData as ExportWish // As export-stream.ts starts it.
const opening = openSnapshot(address)
opening.catch(() => undefined) // Told when the first piece is asked for.
const lines = opening.then(({ reader }) => writeHouse(reader, { madeAt, key }))
lines.catch(() => undefined)

parentPort?.on('message', async (wantsMore: ExportAsked) => {
  if (wantsMore) return parentPort?.postMessage(await nextPiece())
  await opening.then((snapshot) => snapshot[Symbol.asyncDispose]()).catch(() => undefined)
  return parentPort?.close()
})

async function nextPiece(): Promise<ExportTold> {
  try {
    const { value, done } = await (await lines).next()
    return done ? { end: true } : { piece: value }
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) }
  }
}
