import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { readCsv } from './csv.ts'
import { MAX_ROW_BYTES } from './limits.ts'
import { readNdjson } from './ndjson.ts'
import { UnreadableFile } from './unreadable-file.ts'
import { readUser, type UserRow } from './user-row.ts'

export type { UserRow } from './user-row.ts'

/** `line`: where it begins in the file, from 1. */
export type ReadUser = { line: number; row: UserRow; notes: string[] } | { line: number; fault: string }

/**
 * The users of a file, in its order: CSV with a line of column names, or JSON objects one a line (`docs/moving-in.md`). A row that
 * can't be read is told as a fault, and the next one is read. @throws UnreadableFile where the file as a whole is none of users
 *
 * @example
 * for await (const read of readUsers('users.csv')) {
 *   if ('fault' in read) console.error(`line ${read.line}: ${read.fault}`)
 *   else rows.push(read.row)
 * }
 */
export async function* readUsers(file: string): AsyncGenerator<ReadUser> {
  const head = await headOf(file)
  if (isUtf16(head)) throw new UnreadableFile('It is UTF-16, as spreadsheets write "Unicode text". Save it as UTF-8.')
  const bytes: AsyncIterable<Buffer> = createReadStream(file)
  const lines = isJson(head) ? readNdjson(bytes) : readCsv(bytes, head)
  const seen = new Map<string, number>()
  for await (const read of lines) {
    const { line } = read
    const user = 'fault' in read ? read : readUser(read.record)
    if ('fault' in user) {
      yield { line, fault: user.fault }
      continue
    }
    // The house's own spelling of an address is the server's to know; what differs in capitals alone is seen here.
    const email = user.row.email.trim().toLowerCase()
    const earlier = seen.get(email)
    if (earlier === undefined) seen.set(email, line)
    yield earlier === undefined ? { line, ...user } : { line, fault: `its address is the one of line ${earlier}` }
  }
}

/** SHA-256 of the file, base64url: by it an import that was broken off is found again. */
export async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('base64url')
}

async function headOf(file: string): Promise<Uint8Array> {
  await using handle = await open(file)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_ROW_BYTES), 0, MAX_ROW_BYTES, 0)
  return buffer.subarray(0, bytesRead)
}

function isUtf16([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
}

function isJson(head: Uint8Array): boolean {
  return /^\uFEFF?\s*[{[]/.test(new TextDecoder('utf-8', { ignoreBOM: true }).decode(head))
}
