import { cleanJson, cleanLine } from '../output/clean.ts'
import type { Out } from '../output/out.ts'
import { type Answer, isTaken } from './forward.ts'
import type { Display, Shown } from './listening.ts'
import type { Signing } from './secrets.ts'
import { about } from './told-event.ts'

export type Scene = {
  application: string
  server: string
  isSince: boolean
  forwardTo: URL | undefined
  signing: Signing | undefined
  hasKeys: boolean
}

/** One JSON object a line, for programs. */
export function displayJson(out: Out, { application, forwardTo, signing }: Scene): Display {
  const line = (value: unknown) => out.raw(`${cleanJson(value)}\n`)
  return {
    begin: (cursor) =>
      line({
        state: 'listening',
        application,
        cursor,
        forward_to: forwardTo?.href ?? null,
        signing_secret: madeSecret(signing) ?? null,
      }),
    show: ({ event, answer, isReplay, cursor }) => line({ event, answer: answer ?? null, replay: isReplay, cursor }),
    whole: (event) => out.note(cleanJson(event)),
    note: out.note,
  }
}

/** One line each, for people; what stands beside the events goes to standard error. */
export function displayLines(out: Out, scene: Scene): Display {
  return {
    begin: () => begin(out, scene),
    show: (shown) => out.lines(linesOf(out, shown, scene)),
    whole: (event) => out.lines(cleanJson(event, 2).split('\n')),
    note: out.note,
  }
}

function begin(out: Out, { application, server, isSince, forwardTo, signing, hasKeys }: Scene): void {
  const from = isSince ? 'from that cursor on' : 'from now on'
  const made = madeSecret(signing)
  out.note(`Listening to the events of ${application} at ${server}, ${from}.`)
  if (forwardTo && made !== undefined) {
    out.note(`Each is sent to ${forwardTo.href}, signed with a secret that was made just now. Your handler needs it:`)
    out.lines([`LICENSE_WEBHOOK_SECRET=${made}`])
    out.note('It is told this once. Set it here too, and the next `listen` signs with the same.')
  } else if (forwardTo && signing) {
    out.note(`Each is sent to ${forwardTo.href}, signed with the secret in ${signing.place}.`)
  }
  const keys = forwardTo ? 'r sends the last event again, s shows it whole' : 's shows the last event whole'
  if (hasKeys) out.note(`Keys: ${keys}, q ends.`)
}

function madeSecret(signing: Signing | undefined): string | undefined {
  return signing?.place === undefined ? signing?.secrets[0] : undefined
}

/** As wide as the longest of today's types, so that what follows stands in a column. */
const TYPE_WIDTH = 'permissions.updated'.length

function linesOf({ paint }: Out, { event, answer, isReplay }: Shown, { hasKeys }: Scene): string[] {
  const when = `${event.timestamp.slice(0, 19).replace('T', ' ')}Z`
  const line = [
    paint('dim', when),
    event.type.padEnd(TYPE_WIDTH),
    ...(answer
      ? [
          paint(isTaken(answer) ? 'green' : 'red', `${answer.status ?? '---'}`),
          `${answer.ms}`.padStart(5).concat(' ms'),
        ]
      : []),
    `${about(event)}${isReplay ? ' (again)' : ''}`,
  ]
  const fault = answer && !isTaken(answer) ? [`    ${faultOf(answer, hasKeys)}`] : []
  return [line.join('  ').trimEnd(), ...fault].map(cleanLine)
}

function faultOf({ status, error, said }: Answer, hasKeys: boolean): string {
  const sentences = [
    error === 'timeout' ? 'No answer within 15 seconds.' : error === null ? '' : `No answer (${error}).`,
    status === 410 ? 'The server switches an endpoint off that says so.' : '',
    status !== null && status >= 300 && status < 400 ? 'Redirects are not followed.' : '',
    hasKeys ? 'r sends it again.' : '',
    said === '' ? '' : `It said: ${said}`,
  ]
  return sentences.filter((each) => each !== '').join(' ') || 'It was not taken.'
}
