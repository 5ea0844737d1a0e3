import type { Occasion } from '../events.ts'

/** What an event is at an endpoint: one message, several, or none. `type` is the receiver's name for it. */
export type Part = { messageId: string; type: string }

export const EMAIL_UPDATED = 'user.email.updated'
export const PIN_UPDATED = 'user.pin.updated'

/**
 * Of ours, theirs (docs/PROTOCOL.md). A user who is switched off or deleted loses every company, which is announced as such; names, companies
 * and licenses a site hears of at the next sign-in. The email comes first: what follows names the user by the new one.
 */
export function partsForDjango({ id, type, changed }: Occasion, exposesPin: boolean): Part[] {
  if (type === 'permissions.updated' || type === 'user.created') return [{ messageId: id, type }]
  if (type !== 'user.updated') return []
  return [
    ...(changed?.email === undefined ? [] : [{ messageId: `${id}_email`, type: EMAIL_UPDATED }]),
    ...(changed?.pin && exposesPin ? [{ messageId: `${id}_pin`, type: PIN_UPDATED }] : []),
  ]
}
