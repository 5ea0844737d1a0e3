// node tools/run.mjs tools/write-schema.ts: writes the JSON schemas of the house file, of the manifest and of events from the server's source.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MANIFEST } from '../packages/server/src/http/admin/manifest-form.ts'
import { HOUSE } from '../packages/server/src/imports/house-schema.ts'
import { EVENT_FORMS } from '../packages/server/src/outbox/event-forms.ts'
import { root } from './setup.mjs'

export const schemaFile = join(root, 'packages/server/schema/house.schema.json')
export const manifestSchemaFile = join(root, 'packages/server/schema/manifest.schema.json')
export const eventSchemaFolder = join(root, 'packages/server/schema/events')

/** As JSON carries it: without what the library keeps beside. */
export function houseSchema(): Record<string, unknown> {
  return JSON.parse(JSON.stringify(HOUSE)) as Record<string, unknown> // The schema is an object.
}

export function manifestSchema(): Record<string, unknown> {
  return asSchema(MANIFEST)
}

/** By the file's name. */
export function eventSchemas(): Record<string, Record<string, unknown>> {
  const named = Object.entries(EVENT_FORMS).map(([type, form]) => [`${type}.schema.json`, asSchema(form)])
  return Object.fromEntries(named)
}

function asSchema(form: object): Record<string, unknown> {
  return { $schema: houseSchema().$schema, ...JSON.parse(JSON.stringify(form)) }
}

if (import.meta.main) {
  rmSync(eventSchemaFolder, { recursive: true, force: true })
  mkdirSync(eventSchemaFolder, { recursive: true })
  writeFileSync(schemaFile, JSON.stringify(houseSchema(), null, 2))
  writeFileSync(manifestSchemaFile, JSON.stringify(manifestSchema(), null, 2))
  for (const [name, schema] of Object.entries(eventSchemas())) {
    writeFileSync(join(eventSchemaFolder, name), JSON.stringify(schema, null, 2))
  }
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  const written = [schemaFile, manifestSchemaFile, eventSchemaFolder]
  execFileSync(process.execPath, [biome, 'format', '--write', ...written], { stdio: 'inherit' })
}
