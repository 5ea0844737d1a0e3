import { DateTime, IANAZone } from 'luxon'

const DAY = /^\d{4}-\d{2}-\d{2}$/
const MOMENT = /^\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/

const UTC = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z$/

export function isTimeZone(name: string): boolean {
  return IANAZone.isValidZone(name)
}

/**
 * Reads a day (`2026-12-31`, in the house's time zone) or a moment (RFC 3339, with an offset; beyond milliseconds cut) as milliseconds UTC.
 * As an end, a day is the last one included: the answer is the start of the day after. Undefined for anything else.
 */
export function readMoment(text: string, zone: string, as: 'start' | 'end'): number | undefined {
  if (DAY.test(text)) {
    const day = DateTime.fromISO(text, { zone: 'utc' })
    if (!day.isValid || !isTimeZone(zone)) return undefined
    return startOfDay(as === 'end' ? day.plus({ days: 1 }) : day, zone)
  }
  if (!MOMENT.test(text)) return undefined
  const inUtc = readUtc(text)
  if (inUtc !== undefined) return inUtc
  const moment = DateTime.fromISO(text.replace(' ', 'T'))
  return moment.isValid ? moment.toMillis() : undefined
}

/** The form in which most moments come, without Luxon: of a hundred thousand users that move in, each has one. Undefined for any other form, and for no such day. */
function readUtc(text: string): number | undefined {
  const [, seconds, fraction = ''] = UTC.exec(text) ?? []
  if (seconds === undefined) return undefined
  const exact = `${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}Z`
  const moment = Date.parse(exact)
  // The 30th of February would become a day in March.
  return !Number.isNaN(moment) && new Date(moment).toISOString() === exact ? moment : undefined
}

/**
 * The first moment of a calendar day. Where clocks go back over midnight, it comes twice, and Luxon takes the one that fits
 * the season in which it is asked; where they go forward over it, the day starts later; a day that was left out has none.
 */
function startOfDay({ year, month, day }: { year: number; month: number; day: number }, zone: string): number {
  const midnight = DateTime.fromObject({ year, month, day }, { zone })
  return Math.min(...midnight.getPossibleOffsets().map((possible) => possible.toMillis()))
}

/** A moment as people read it, in the house's time zone: the bare day at its start, else with the time. */
export function writeMoment(at: number, zone: string): string {
  const moment = DateTime.fromMillis(at, { zone })
  return moment.toFormat(at === startOfDay(moment, zone) ? 'd LLLL yyyy' : "d LLLL yyyy 'at' HH:mm")
}

/** An end as people read it: the last day included when it falls on the start of a day. */
export function writeEnd(endsAt: number, zone: string): string {
  const isWholeDay = endsAt === startOfDay(DateTime.fromMillis(endsAt, { zone }), zone)
  return isWholeDay ? DateTime.fromMillis(endsAt - 1, { zone }).toFormat('d LLLL yyyy') : writeMoment(endsAt, zone)
}
