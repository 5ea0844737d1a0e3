import { type TSchema, Type } from 'typebox'
import { readMoment } from '../../domain/day.ts'
import { END_OF_TIME, type Interval, START_OF_TIME } from '../../domain/interval.ts'
import { APPLICATION_ID, MAX_PERSON_NAME, MAX_PIN, SLUG, UUID } from '../../domain/limits.ts'
import { wrong } from '../../errors.ts'

// What several nouns say alike.

const optional = Type.Optional

export function maybe<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

export const strict = { additionalProperties: false }

/** A text that databases have a form for: PostgreSQL has none for a NUL, and UTF-8 none for half of a surrogate pair. */
const NO_TEXT = '\\u0000\\ud800-\\udfff'
export const TEXT = `^[^${NO_TEXT}]*$`

export function queryText(max: number, description: string) {
  return Type.String({ maxLength: max, pattern: TEXT, description })
}

const ID_PATTERN = UUID.source.replace(/a-f/g, 'a-fA-F')
export const ID = Type.String({ pattern: ID_PATTERN, description: 'A UUID' })
export const APPLICATION = Type.String({ pattern: APPLICATION_ID.source, description: "An application's id" })
export const PERMISSION = Type.String({ pattern: SLUG.source, description: 'A permission, such as create_invoice' })
export const ROLE_KEY = Type.String({ pattern: SLUG.source, description: 'The key of a role' })
export const PERSON_NAME = Type.String({ maxLength: MAX_PERSON_NAME, pattern: TEXT })
export const PIN = maybe(Type.String({ minLength: 1, maxLength: MAX_PIN, pattern: TEXT }))
export const EMAIL = Type.String({ minLength: 3, maxLength: 600 })

/** With something in it besides blanks. */
const NO_BLANK = `^[^${NO_TEXT}]*[^\\s${NO_TEXT}][^${NO_TEXT}]*$`

export function text(description: string, max: number) {
  return Type.String({ minLength: 1, maxLength: max, pattern: NO_BLANK, description })
}

export const WHOLE_NUMBER = '^[0-9]{1,4}$'

/** What a pattern wants, in words. */
export const FORMS: ReadonlyMap<string, string> = new Map([
  [ID_PATTERN, 'must be a UUID'],
  [APPLICATION_ID.source, 'must be 1 to 100 letters, digits, dots, underscores or dashes'],
  [SLUG.source, 'must be 1 to 100 letters, digits, underscores, dots, colons or dashes'],
  [WHOLE_NUMBER, 'must be a whole number'],
  [TEXT, 'has a character that can not be stored'],
  [NO_BLANK, 'must not be blank, nor have a character that can not be stored'],
])

/** In answers: a moment in UTC (RFC 3339). */
export const MOMENT = Type.String({ format: 'date-time' })

/** In requests: a day of the house's time zone or a moment with its offset; null leaves the bound open. */
const BOUND = maybe(
  Type.String({
    maxLength: 40,
    description: 'A day (2026-12-31; as an end it is the last day included) or a moment with its offset',
  }),
)
export const BOUNDS = { starts_at: optional(BOUND), ends_at: optional(BOUND) }
export const BOUND_FORM = BOUND

export function moment(at: number): string {
  return new Date(at).toISOString()
}

/** An open bound is null. */
export function bound(at: number): string | null {
  return at <= START_OF_TIME || at >= END_OF_TIME ? null : moment(at)
}

type GivenBounds = { starts_at?: string | null | undefined; ends_at?: string | null | undefined }

/** Over what was there before. @throws AppError `invalid_input` */
export function readInterval(
  given: GivenBounds,
  zone: string,
  before: Interval = { startsAt: START_OF_TIME, endsAt: END_OF_TIME },
  names: readonly [string, string] = ['starts_at', 'ends_at'],
): Interval {
  const startsAt = readBound(given.starts_at, zone, 'start', names[0]) ?? before.startsAt
  const endsAt = readBound(given.ends_at, zone, 'end', names[1]) ?? before.endsAt
  if (startsAt < endsAt) return { startsAt, endsAt }
  throw wrong(`/body/${names[1]}`, 'must come after the start')
}

function readBound(
  given: string | null | undefined,
  zone: string,
  as: 'start' | 'end',
  name: string,
): number | undefined {
  if (given === undefined) return undefined
  if (given === null) return as === 'start' ? START_OF_TIME : END_OF_TIME
  const at = readMoment(given, zone, as)
  if (at !== undefined) return at
  throw wrong(`/body/${name}`, 'is no day and no moment with an offset; write 2026-12-31 or 2026-12-31T18:00:00Z')
}
