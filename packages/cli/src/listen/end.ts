import { cleanJson } from '../output/clean.ts'
import type { Out } from '../output/out.ts'
import type { Tally } from './listening.ts'

/** What was typed to get here. */
export type Typed = {
  application: string
  server?: string | undefined
  forwardTo?: string | undefined
  type?: readonly string[] | undefined
  secretFile?: string | undefined
  webhookSecretFile?: string | undefined
  json?: boolean | undefined
}

/** How it ended, and how to go on. */
export function tellEnd(out: Out, { events, cursor, missed }: Tally, typed: Typed): void {
  if (cursor === undefined) return
  if (out.isJson) out.raw(`${cleanJson({ state: 'ended', events, missed: missed.count, cursor })}\n`)
  const count = events === 1 ? '1 event' : `${events} events`
  out.note(`Ended after ${count}${missed.count > 0 ? `; not taken: ${missed.count}` : ''}.`)
  out.note(`Go on from here: ${commandFrom(cursor, typed)}`)
  if (missed.count > 0 && missed.since !== undefined)
    out.note(`Again from the first that was not taken: ${commandFrom(missed.since, typed)}`)
}

function commandFrom(cursor: string, typed: Typed): string {
  const options = {
    '--server': typed.server,
    '--forward-to': typed.forwardTo,
    '--type': typed.type?.join(','),
    '--secret-file': typed.secretFile,
    '--webhook-secret-file': typed.webhookSecretFile,
    '--since': cursor,
  }
  const given = Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name, quoted(value)]))
  return ['cloudspot-license listen', quoted(typed.application), ...given, ...(typed.json ? ['--json'] : [])].join(' ')
}

/** As a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
