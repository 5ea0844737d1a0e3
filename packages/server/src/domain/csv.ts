/** What a spreadsheet may take for a formula, also in the wide forms of East Asian keyboards. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/

/** One row of CSV (RFC 4180), its line's end with it. Null is an empty field; a text that may be a formula begins with an apostrophe. */
export function csvRow(fields: readonly (string | number | null)[]): string {
  return `${fields.map(csvField).join(',')}\r\n`
}

function csvField(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const plain = FORMULA.test(value) ? `'${value}` : value
  return /[",;\t\r\n]|^\s|\s$/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

/**
 * JSON as the text of a field. Where semicolons divide fields, as in many countries, what follows one would be a field of its own:
 * they are written as JSON's `\u003b`.
 */
export function csvJson(json: string): string {
  return json.replaceAll(';', '\\u003b')
}
