// Whatever comes from the server was typed by somebody: a name may hold what moves the cursor, retitles a window or turns the
// reading direction. Everything that is printed goes through here (tests/terminal.test.ts).

/** Control characters, line ends among them, and marks that turn the reading direction. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** On one line, without what a terminal would obey. */
export function clean(text: string): string {
  return text.replace(UNSAFE, (found) => (/\s/.test(found) ? ' ' : ''))
}

/** A line of ours, which may be styled; all else that a terminal would obey is taken out. */
export function cleanLine(line: string): string {
  return line
    .split(STYLES)
    .map((part, index) => (index % 2 === 1 ? part : clean(part)))
    .join('')
}

// As output/style.ts writes them: what these do, a name may do too.
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is about them
const STYLES = /(\u001b\[(?:1|2|22|31|32|33|39)m)/

/** JSON that parses to the same, with nothing in it that a terminal would obey. */
export function cleanJson(value: unknown, indent?: number): string {
  const asEscape = (found: string) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(value, null, indent).replace(
    UNSAFE,
    // Line ends are those between the fields: within a text they are escaped already.
    (found) => (found === '\n' ? found : asEscape(found)),
  )
}

/** Without the keys and secrets that somebody may have typed in a wrong place. */
export function withoutKeys(text: string): string {
  return text.replace(/\b(clk|cls|clt|clo|whsec)_[A-Za-z0-9_-]{4,}/g, '$1_…')
}
