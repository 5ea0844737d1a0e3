import { isUtf8 } from 'node:buffer'

/** Of an answer's beginning, so many characters are kept; fewer bytes than 1 kB where it is plain. */
const KEPT = 1_000
/** Tokens, one-time tokens, keys and secrets of ours, whoever put them there (DESIGN.md has their forms). */
const OURS = /\b(?:cl[a-z]_[0-9A-Za-z]{10,}|whsec_[0-9A-Za-z+/=]{10,})/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are meant; PostgreSQL has no form for a NUL
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f]/g

/** The beginning of what a receiver answered, without what we had sent there in confidence: a page of errors may repeat it all. */
export function keptAnswer(body: Buffer, secrets: readonly string[]): string {
  if (!isUtf8(body) && body.includes(0)) return '(no text)'
  let text = body.toString('utf8')
  for (const secret of secrets) text = text.replaceAll(secret, '(left out)')
  const left = text.replace(OURS, '(left out)').replace(CONTROLS, ' ')
  return Buffer.from(left)
    .subarray(0, KEPT)
    .toString('utf8')
    .replace(/\ufffd+$/, '')
}
