import { DateTime, IANAZone } from 'luxon'

const DAY = /^\d{4}-\d{2}-\d{2}$/
const MOMENT = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/

export function isTimeZone(name: string): boolean {
  return IANAZone.isValidZone(name)
}

/**
 * Reads a day (`2026-12-31`, in the house's time zone) or a moment (RFC 3339, with an offset) as milliseconds UTC.
 * As an end, a day is the last one included: the answer is the start of the day after. Undefined for anything else.
 */
export function readMoment(text: string, zone: string, as: 'start' | 'end'): number | undefined {
  if (DAY.test(text)) {
    const day = DateTime.fromISO(text, { zone })
    if (!day.isValid) return undefined
    return (as === 'end' ? day.plus({ days: 1 }) : day).startOf('day').toMillis()
  }
  if (!MOMENT.test(text)) return undefined
  const moment = DateTime.fromISO(text.replace(' ', 'T'))
  return moment.isValid ? moment.toMillis() : undefined
}

/** A moment as people read it, in the house's time zone: the bare day at midnight, else with the time. */
export function writeMoment(at: number, zone: string): string {
  const moment = DateTime.fromMillis(at, { zone })
  return moment.equals(moment.startOf('day')) ? moment.toFormat('d LLLL yyyy') : moment.toFormat("d LLLL yyyy 'at' HH:mm")
}

/** An end as people read it: the last day included when it falls on midnight. */
export function writeEnd(endsAt: number, zone: string): string {
  const moment = DateTime.fromMillis(endsAt, { zone })
  const atMidnight = moment.equals(moment.startOf('day'))
  return atMidnight ? moment.minus({ days: 1 }).toFormat('d LLLL yyyy') : moment.toFormat("d LLLL yyyy 'at' HH:mm")
}
