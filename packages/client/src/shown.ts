/** What Node, Deno and Bun call to print an object. Fields that are `#private` stay out, so that no log holds a token. */
export const inspectCustom: unique symbol = Symbol.for('nodejs.util.inspect.custom')

export type Inspect = (value: unknown, options: object) => string

/** Prints an object as its name and what its `toJSON` tells. */
export function shown(
  name: string,
  value: { toJSON(): unknown },
  options: object,
  inspect: Inspect | undefined,
): string {
  const told = value.toJSON()
  return `${name} ${inspect ? inspect(told, options) : JSON.stringify(told)}`
}

/** An error's name, message and code, with those of its causes. */
export function describeCause(cause: unknown): string {
  const parts: string[] = []
  for (let error = cause; error instanceof Error && parts.length < 4; error = error.cause) {
    // Some have a code alone: an AggregateError for a host with two addresses has no message.
    const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
    parts.push(`${error.name}: ${error.message}${code}`)
  }
  return parts.join(' <- ') || String(cause)
}
