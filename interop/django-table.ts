// What works with which release of the Django package, from the page where operators read it. The tests hold it.
import { readFileSync } from 'node:fs'

export interface Row {
  release: string
  /** What a site finds the user of `permissions.updated` by. */
  'finds by': 'token' | 'username'
  /** How it stores a name that was typed in capitals. */
  username: 'as typed' | 'lower case'
  'permissions.updated': 'works' | 'asks again'
  'user.email.updated': Reaction
  'user.pin.updated': Reaction
  'user.created': Reaction
  impersonation: 'works' | '–'
}

/** An event that a release doesn't know is a crash there. */
type Reaction = 'works' | 'crashes'

const page = new URL('../docs/django.md', import.meta.url)

export function readTable(): Row[] {
  const lines = readFileSync(page, 'utf8').split('\n')
  const start = lines.findIndex((line) => /^\| *release *\|/.test(line))
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replaceAll('`', '').trim())
  const names = cells(lines[start] ?? '')
  const end = lines.findIndex((line, at) => at > start && !line.startsWith('|'))
  return lines
    .slice(start + 2, end)
    .map((line) => Object.fromEntries(cells(line).map((cell, at) => [names[at], cell])) as unknown as Row) // As the page has it; the tests fail on other words.
}
