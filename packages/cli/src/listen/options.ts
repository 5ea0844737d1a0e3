import { wrongUse } from '../command.ts'
import { EVENT_TYPES } from '../event-types.ts'
import { usualApplication } from '../settings.ts'

export const LISTENED_TYPES: readonly string[] = [...EVENT_TYPES, 'ping']

/** The one that is named, or that of the environment. @throws CommandError */
export function readApplication(typed: string | undefined): string {
  const application = typed ?? usualApplication()
  if (application === undefined)
    return wrongUse('Say whose events: cloudspot-license listen APPLICATION, or put its id in LICENSE_APPLICATION.')
  return /^[\x21-\x7e]{1,200}$/.test(application)
    ? application
    : wrongUse(`"${application}" is no id of an application.`)
}

/** @throws CommandError for an address where no event can go */
export function readForwardTo(typed: string): URL {
  const url = URL.parse(typed)
  // Not repeated: it may hold a password.
  if (url && (url.username !== '' || url.password !== ''))
    wrongUse('--forward-to holds a name or a password. Give the address without: events are signed.')
  if (url && /^https?:$/.test(url.protocol)) return url
  return wrongUse(
    `"${typed}" is no address to send events to. Give --forward-to one that begins with http:// or https://, such as http://localhost:3000/hook`,
  )
}

/** @throws CommandError for one that is mistyped, which would be waited for in vain */
export function readTypes(typed: readonly string[] | undefined): readonly string[] | undefined {
  const unknown = typed?.find((each) => !LISTENED_TYPES.includes(each))
  if (unknown === undefined) return typed
  return wrongUse(`"${unknown}" is no type of an event. There is: ${LISTENED_TYPES.join(', ')}.`)
}

/** @throws CommandError */
export function readCursor(typed: string | undefined): string | undefined {
  if (typed === undefined || /^[\w-]{1,200}$/.test(typed)) return typed
  return wrongUse(
    '--since takes a cursor, as `listen` prints one at its end and `license.events()` gives with each event.',
  )
}
