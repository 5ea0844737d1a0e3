import { type TSchema, Type } from 'typebox'
import { wrong } from '../../errors.ts'
import { WHOLE_NUMBER } from './forms.ts'

const MAX_LIMIT = 200
const DEFAULT_LIMIT = 50

/** What every list takes. */
export const PAGE = {
  limit: Type.Optional(
    Type.String({
      pattern: WHOLE_NUMBER,
      description: `How many at most: 1 to ${MAX_LIMIT}; ${DEFAULT_LIMIT} by default`,
    }),
  ),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 2_000, description: "A page's `next_cursor`: goes on after that page" }),
  ),
}

/** A page of a list: what comes after it is asked for by `next_cursor`; null where nothing does. */
export function pageOf<T extends TSchema>(item: T) {
  return Type.Object({ items: Type.Array(item), next_cursor: Type.Union([Type.String(), Type.Null()]) })
}

type Asked = { limit?: string | undefined; cursor?: string | undefined }

export type Paging<K extends readonly string[]> = { limit: number; after: K | undefined }

/** Reads what a list was asked for. A cursor holds so many texts: the place of the last item that was told. @throws AppError `invalid_input` */
export function readPaging<K extends readonly string[]>(asked: Asked, parts: K['length']): Paging<K> {
  const limit = asked.limit === undefined ? DEFAULT_LIMIT : Number(asked.limit)
  if (limit < 1 || limit > MAX_LIMIT) throw wrong('/query/limit', `must be from 1 to ${MAX_LIMIT}`)
  if (asked.cursor === undefined) return { limit, after: undefined }
  const place = readCursor(asked.cursor)
  if (!place || place.length !== parts)
    throw wrong('/query/cursor', 'is no cursor of this list: begin without one, and take `next_cursor`')
  return { limit, after: place as unknown as K } // So many texts, as was just seen.
}

function readCursor(cursor: string): string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    return Array.isArray(parsed) &&
      parsed.every((part) => typeof part === 'string' && part.isWellFormed() && !part.includes('\0'))
      ? parsed
      : undefined
  } catch {
    return undefined
  }
}

/** Of one item more than was asked for: whether there is more. What is gone by the time it is shown is left out. */
export function asPage<T, S>(
  found: readonly T[],
  limit: number,
  place: (item: T) => readonly string[],
  show: (item: T) => S | undefined,
): { items: S[]; next_cursor: string | null } {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  const isMore = found.length > limit && last !== undefined
  return {
    items: items.flatMap((item) => show(item) ?? []),
    next_cursor: isMore ? Buffer.from(JSON.stringify(place(last))).toString('base64url') : null,
  }
}
