// node tools/run.mjs tools/write-schema.ts: writes the JSON schemas of the house file and of the manifest from the server's source, for editors.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MANIFEST } from '../packages/server/src/http/admin/manifest-form.ts'
import { HOUSE } from '../packages/server/src/imports/house-schema.ts'
import { root } from './setup.mjs'

export const schemaFile = join(root, 'packages/server/schema/house.schema.json')
export const manifestSchemaFile = join(root, 'packages/server/schema/manifest.schema.json')

/** As JSON carries it: without what the library keeps beside. */
export function houseSchema(): Record<string, unknown> {
  return JSON.parse(JSON.stringify(HOUSE)) as Record<string, unknown> // The schema is an object.
}

export function manifestSchema(): Record<string, unknown> {
  return { $schema: houseSchema().$schema, ...JSON.parse(JSON.stringify(MANIFEST)) }
}

if (import.meta.main) {
  mkdirSync(dirname(schemaFile), { recursive: true })
  writeFileSync(schemaFile, JSON.stringify(houseSchema(), null, 2))
  writeFileSync(manifestSchemaFile, JSON.stringify(manifestSchema(), null, 2))
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  execFileSync(process.execPath, [biome, 'format', '--write', schemaFile, manifestSchemaFile], { stdio: 'inherit' })
}
