import { type LicenseAdmin, Refused } from 'cloudspot-license-api/admin'
import { isId } from './find.ts'

/** What people call a thing that the audit names by its kind and id. */
export type Naming = (kind: string, id: string) => Promise<string>

/** Asks for each name once. What is gone, or may not be seen, keeps its id. */
export function auditNames(admin: LicenseAdmin): Naming {
  const known = new Map<string, Promise<string>>()
  return (kind, id) => {
    const key = `${kind} ${id}`
    const asked =
      known.get(key) ??
      nameOf(admin, kind, id)
        .catch(unlessHidden)
        .then((name) => name ?? (kind === 'behind' ? id : key))
    known.set(key, asked)
    return asked
  }
}

async function nameOf(admin: LicenseAdmin, kind: string, id: string): Promise<string | undefined> {
  if (kind === 'user') return (await admin.users.get(id)).email
  if (kind === 'company') return (await admin.companies.get(id)).name
  if (kind === 'key' || kind === 'api_key') return `key "${(await admin.apiKeys.get(id)).name}"`
  // A person, a key that is nobody's, or the words of the system.
  if (kind === 'behind' && isId(id))
    return (await nameOf(admin, 'user', id).catch(unlessHidden)) ?? nameOf(admin, 'key', id)
  return undefined
}

function unlessHidden(error: unknown): undefined {
  if (error instanceof Refused) return undefined
  throw error
}
