import { readFileSync } from 'node:fs'
import type { Manifest } from 'cloudspot-license-api/admin'
import { CommandError } from './errors.ts'

/** A permission manifest, and whose it is. @throws CommandError */
export function readManifestFile(path: string, named: string | undefined): { application: string; manifest: Manifest } {
  const manifest = parse(path)
  const application = named ?? manifest.application
  if (typeof application === 'string' && application !== '') return { application, manifest }
  throw new CommandError(
    `${path} does not say whose it is: write "application" into it, or name one with --application.`,
    2,
  )
}

function parse(path: string): Manifest {
  let read: unknown
  try {
    read = JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new CommandError(`${path} is no JSON: ${error.message}.`, 2)
  }
  if (typeof read === 'object' && read !== null && 'permissions' in read && Array.isArray(read.permissions))
    return read as Manifest // As was just seen; the rest is the server's to check.
  throw new CommandError(`${path} is no permission manifest: it has no list "permissions".`, 2)
}
