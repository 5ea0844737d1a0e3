import assert from 'node:assert/strict'

/** Reads CSV by the letter of RFC 4180, for tests: rows of fields; whatever is not of that form fails. */
export function readCsv(text: string, delimiter = ','): string[][] {
  const rows: string[][] = [[]]
  const field = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${delimiter}\\r\\n]*))(${delimiter}|\\r\\n)`, 'y')
  while (field.lastIndex < text.length) {
    const at = field.lastIndex
    const found = field.exec(text)
    assert.ok(found, `no field of RFC 4180 at ${at}: ${JSON.stringify(text.slice(at, at + 60))}`)
    const [, quoted, plain, end] = found
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '')
    if (end === '\r\n') rows.push([])
  }
  assert.deepEqual(rows.pop(), [], 'the last row ends as the others do')
  return rows
}
