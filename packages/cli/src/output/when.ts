// The server's moments as a person types them: a day where the moment is a day's edge in UTC, else the minute.

const MIDNIGHT = 'T00:00:00.000Z'
const DAY_MS = 86_400_000

export function showMoment(moment: string | null): string {
  return moment === null ? '' : `${moment.slice(0, 10)} ${moment.slice(11, 16)} UTC`
}

export function showStart(moment: string | null): string {
  if (moment === null) return ''
  return moment.endsWith(MIDNIGHT) ? moment.slice(0, 10) : showMoment(moment)
}

/** An end at midnight is the day before, the last one included. */
export function showEnd(moment: string | null): string {
  if (moment === null) return ''
  if (!moment.endsWith(MIDNIGHT)) return showMoment(moment)
  return new Date(Date.parse(moment) - DAY_MS).toISOString().slice(0, 10)
}

/** Both bounds as part of a sentence or a field: "from 2026-01-01 until 2026-12-31", "always". */
export function showInterval(from: string | null, until: string | null): string {
  const parts = [from === null ? '' : `from ${showStart(from)}`, until === null ? '' : `until ${showEnd(until)}`]
  return parts.filter((part) => part !== '').join(' ') || 'no end'
}
