import { MAX_ROW_BYTES } from './limits.ts'
import { UnreadableFile } from './unreadable-file.ts'

export type Line = { line: number; record: Record<string, unknown> } | { line: number; fault: string }

const NEWLINE = 0x0a

/** JSON documents, one a line. Empty lines are passed over. */
export async function* readNdjson(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let isFirst = true
  for await (const { line, text } of splitLines(bytes)) {
    if (text === undefined) {
      yield { line, fault: `it is longer than ${MAX_ROW_BYTES} bytes` }
      continue
    }
    const record = parse(decoder, text)
    if (record === 'empty') continue
    if (isFirst && (record === undefined || Array.isArray(record?.users))) throw notByLine(record !== undefined)
    isFirst = false
    yield record === undefined ? { line, fault: 'it is no JSON object in UTF-8' } : { line, record }
  }
}

function notByLine(isRealm: boolean): UnreadableFile {
  return new UnreadableFile(
    isRealm
      ? "This is the export of a whole realm. Write its users one a line first: jq -c '.users[]' realm.json > users.ndjson"
      : "The first line is no JSON object. Write one user a line: jq -c '.[]' users.json > users.ndjson",
  )
}

function parse(decoder: TextDecoder, bytes: Uint8Array): Record<string, unknown> | 'empty' | undefined {
  try {
    const text = decoder.decode(bytes)
    if (text.trim() === '') return 'empty'
    const record: unknown = JSON.parse(text)
    const isObject = typeof record === 'object' && record !== null && !Array.isArray(record)
    return isObject ? (record as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** What is too long is passed over without being kept; its text is undefined. */
async function* splitLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<{ line: number; text?: Uint8Array }> {
  let line = 1
  let parts: Uint8Array[] = []
  let size = 0
  const take = (part: Uint8Array) => {
    size += part.length
    if (size <= MAX_ROW_BYTES) parts.push(part)
    else parts = []
  }
  const end = () => {
    const done = size > MAX_ROW_BYTES ? { line } : { line, text: Buffer.concat(parts) }
    line++
    parts = []
    size = 0
    return done
  }
  for await (const chunk of bytes) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, at))
      yield end()
      from = at + 1
    }
    take(chunk.subarray(from))
  }
  if (size > 0) yield end()
}
