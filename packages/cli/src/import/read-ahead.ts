/** The next one is read while the last one is used: a server that stores and a reader of a file need not wait for each other. */
export async function* readAhead<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]()
  const take = () => {
    const next = iterator.next()
    // Told where it is awaited.
    next.catch(() => undefined)
    return next
  }
  try {
    for (let next = take(); ; ) {
      const { done, value } = await next
      if (done) return
      next = take()
      yield value
    }
  } finally {
    await iterator.return?.()
  }
}
