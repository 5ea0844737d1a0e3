// node tools/run.mjs tools/write-openapi.ts: writes the API's description from the server's routes. The server has it as a file:
// so it needs neither the library that makes it nor the memory.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openapiDocument } from './openapi.ts'
import { root } from './setup.mjs'

export const openapiFile = join(root, 'packages/server/schema/openapi.json')

if (import.meta.main) {
  writeFileSync(openapiFile, JSON.stringify(await openapiDocument(), null, 2))
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  execFileSync(process.execPath, [biome, 'format', '--write', openapiFile], { stdio: 'inherit' })
}
