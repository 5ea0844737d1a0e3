/** What a key does, by the letter. */
export type Keys = Readonly<Record<string, () => void>>

// Arrows and function keys come as several letters, none of which is meant.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin with one
const OTHER_KEYS = /\u001b(?:\[[\d;]*|O)./g

/** Calls what belongs to each key that is pressed on the terminal, until the returned function gives the terminal back. */
export function onKeys(keys: Keys): () => void {
  const { stdin } = process
  const read = (typed: string) => {
    for (const letter of typed.replace(OTHER_KEYS, '')) keys[letter.toLowerCase()]?.()
  }
  // A question that was asked before has paused it.
  stdin.setRawMode(true).setEncoding('utf8').on('data', read).resume()
  return () => {
    stdin.off('data', read).setRawMode(false).pause()
  }
}
