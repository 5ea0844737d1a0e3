/** Of one answer, in all. What comes after is read by the next. */
const MOST_BYTES = 2_000_000

/** Those from the first on that fit into one answer; at least one, whatever its size. */
export function withinBytes<T>(rows: readonly T[], sizeOf: (row: T) => number): readonly T[] {
  let bytes = 0
  const end = rows.findIndex((row, at) => {
    bytes += sizeOf(row)
    return at > 0 && bytes > MOST_BYTES
  })
  return end < 0 ? rows : rows.slice(0, end)
}
