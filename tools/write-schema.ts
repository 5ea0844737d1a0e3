// node tools/run.mjs tools/write-schema.ts: writes the house file's JSON schema from the server's source, for editors.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HOUSE } from '../packages/server/src/imports/house-schema.ts'
import { root } from './setup.mjs'

export const schemaFile = join(root, 'packages/server/schema/house.schema.json')

/** As JSON carries it: without what the library keeps beside. */
export function houseSchema(): Record<string, unknown> {
  return JSON.parse(JSON.stringify(HOUSE)) as Record<string, unknown> // The schema is an object.
}

if (import.meta.main) {
  mkdirSync(dirname(schemaFile), { recursive: true })
  writeFileSync(schemaFile, JSON.stringify(houseSchema(), null, 2))
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  execFileSync(process.execPath, [biome, 'format', '--write', schemaFile], { stdio: 'inherit' })
}
