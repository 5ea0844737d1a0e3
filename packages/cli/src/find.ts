import { domainToASCII } from 'node:url'
import type { Endpoint, LicenseAdmin } from 'cloudspot-license-api/admin'
import { CommandError } from './errors.ts'

// People name things by what they know. Found, or a sentence that helps to name it rightly.

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** A list is ordered by the name, so that what is called so comes first. */
const FEW = 20

export function isId(typed: string): boolean {
  return UUID.test(typed)
}

export type Named = { id: string; name: string }
export type Person = { id: string; email: string }

/** By id or address. */
export async function findUser(admin: LicenseAdmin, typed: string): Promise<Person> {
  if (!UUID.test(typed) && !typed.includes('@'))
    throw new CommandError(`"${typed}" is no address and no id. Name a user like anna@acme.example.`, 2)
  const asked = asStored(typed)
  const { items } = await admin.users.list({ q: asked }).page({ limit: FEW })
  const user = items.find(({ id, email }) => isSame(id, asked) || isSame(email, asked))
  if (user) return user
  const alike = items.map(({ email }) => email)
  throw new CommandError([
    `There is no user ${typed} here, or none that this key may see.`,
    alike.length > 0 ? `There is: ${alike.join(', ')}.` : '`cloudspot-license user list` shows who there is.',
  ])
}

/** The house keeps a domain in its ASCII form: anna@xn--mnchen-3ya.example. */
function asStored(address: string): string {
  const at = address.lastIndexOf('@')
  const domain = at < 0 ? '' : domainToASCII(address.slice(at + 1))
  return domain === '' ? address : `${address.slice(0, at)}@${domain}`
}

/** By id or name. A name in other capitals will do where one company alone has it. */
export async function findCompany(admin: LicenseAdmin, typed: string): Promise<Named> {
  const { items } = await admin.companies.list({ q: typed }).page({ limit: FEW })
  const exact = items.filter(({ id, name }) => isSame(id, typed) || name === typed)
  const found = exact.length > 0 ? exact : items.filter(({ name }) => isSame(name, typed))
  if (found.length > 1)
    throw new CommandError([
      `${found.length} companies are called "${typed}". Say which by its id:`,
      ...found.map(({ id, name, active }) => `  ${id}  ${name}${active ? '' : ' (switched off)'}`),
    ])
  if (found[0]) return found[0]
  const alike = items.map(({ name }) => name)
  throw new CommandError([
    `There is no company "${typed}" here, or none that this key may see.`,
    alike.length > 0 ? `There is: ${alike.join(', ')}.` : '`cloudspot-license company list` shows them.',
  ])
}

export async function findCompanyId(admin: LicenseAdmin, typed: string): Promise<string> {
  return (await findCompany(admin, typed)).id
}

/** By id or by its whole name. */
export async function findKey(admin: LicenseAdmin, typed: string): Promise<Named> {
  // What was typed is not repeated where it may be most of a key.
  if (typed.startsWith('clk_'))
    throw new CommandError(
      'Name a key by its id or name, never by itself. Who knows nothing but the key revokes it beside the server: license-server key revoke KEY',
      2,
    )
  const found: (Named & { revoked: boolean })[] = []
  for await (const { id, name, revoked_at } of admin.apiKeys.list()) {
    if (isSame(id, typed)) return { id, name }
    if (name === typed) found.push({ id, name, revoked: revoked_at !== null })
  }
  // Of those that ended, a name says nothing.
  const living = found.filter(({ revoked }) => !revoked)
  const meant = living.length > 0 ? living : found
  if (meant.length > 1)
    throw new CommandError([
      `${meant.length} keys are called "${typed}". Say which by its id:`,
      ...meant.map(({ id, name }) => `  ${id}  ${name}`),
    ])
  if (meant[0]) return meant[0]
  throw new CommandError(`There is no key "${typed}" here. \`cloudspot-license key list\` shows them.`)
}

/** By id or by its address. */
export async function findEndpoint(admin: LicenseAdmin, application: string, typed: string): Promise<Endpoint> {
  const all = await admin.endpoints.list(application)
  const found = all.filter(({ id, url }) => isSame(id, typed) || url === typed)
  if (found.length > 1)
    throw new CommandError([
      `Events of ${application} are sent to ${typed} more than once. Say which by its id:`,
      ...found.map(({ id, dialect }) => `  ${id}  ${dialect}`),
    ])
  if (found[0]) return found[0]
  throw new CommandError([
    `There is no endpoint ${typed} of ${application}.`,
    all.length > 0
      ? `There is: ${all.map(({ url }) => url).join(', ')}.`
      : 'It has none: `cloudspot-license endpoint add`.',
  ])
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}
