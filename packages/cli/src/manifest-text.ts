import type { Manifest } from 'cloudspot-license-api/admin'
import { cleanJson } from './output/clean.ts'

/** A manifest as a person keeps it: one permission or role a line, without what goes without saying. */
export function manifestText({ permissions, roles, ...rest }: Manifest): string {
  const own = Object.entries(rest).map(([name, value]) => `${cleanJson(name)}: ${cleanJson(value)}`)
  const lists = [`"permissions": ${list(permissions)}`, ...(roles === undefined ? [] : [`"roles": ${list(roles)}`])]
  return `{\n${[...own, ...lists].map((line) => `  ${line}`).join(',\n')}\n}\n`
}

function list(entries: readonly object[]): string {
  if (entries.length === 0) return '[]'
  return `[\n${entries.map((entry) => `    ${oneLine(entry)}`).join(',\n')}\n  ]`
}

function oneLine(entry: object): string {
  const said = Object.entries(entry).filter(([, value]) => value !== null && value !== false && value !== '')
  return `{ ${said.map(([name, value]) => `${cleanJson(name)}: ${valueText(value)}`).join(', ')} }`
}

function valueText(value: unknown): string {
  return Array.isArray(value) ? `[${value.map((each) => cleanJson(each)).join(', ')}]` : cleanJson(value)
}
