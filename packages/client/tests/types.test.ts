import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BadCredentials,
  CloudspotLicenseAPI,
  LicenseClient,
  LicenseError,
  NoValidToken,
  type Session,
} from 'cloudspot-license-api'
import { LicenseAdmin } from 'cloudspot-license-api/admin'

type CrmSlugs = 'list_invoices' | 'create_invoice'

/** Never called: what is checked here is what the compiler says. */
export async function typed(license: LicenseClient<CrmSlugs>, session: Session<CrmSlugs>): Promise<void> {
  session.permissions.has('create_invoice', 'acme-id')
  session.permissions.has('use_app', 'acme-id')
  // @ts-expect-error a mistyped slug is not one of the application's
  session.permissions.has('create_invoces', 'acme-id')
  // @ts-expect-error a permission holds for a company; without one there is no answer
  session.permissions.has('create_invoice')
  // @ts-expect-error a company that may be missing has to be looked at first
  session.permissions.has('create_invoice', (await session.getUser()).company?.id)

  const signedIn: Session<CrmSlugs> = await license.authenticate('anna@acme.test', 'a password')
  const impersonated: Session<CrmSlugs> = await license.validateImpersonation('a one-time token')
  const again: Session<CrmSlugs> = license.session(signedIn.token)
  // @ts-expect-error the token is the server's to choose
  again.token = impersonated.token
  // @ts-expect-error what was told can't be added to
  again.permissions.companies.push({ id: 'a', name: 'A', permissions: [] })
  // @ts-expect-error neither can a company's slugs
  again.permissions.companies[0]?.permissions.push('create_invoice')

  // The server decides what an application has, so that a slug may be another string, too.
  for (const { permission, companyId, companyName } of session.permissions.items()) {
    const texts: string[] = [permission, companyId, companyName]
    texts.push(permission === 'create_invoice' ? 'known' : permission)
  }
  const slugs: string[] = await session.getCompanyPermissions('acme-id')
  const ends: Date | null = session.expiresAt
  const pin: string | null | undefined = (await session.getUser()).pin
  void [slugs, ends, pin]

  const untyped = new LicenseClient('crm', { baseUrl: 'https://license.example' })
  untyped.session('clt_1').permissions.has('anything', 'acme-id')
  const api = new CloudspotLicenseAPI<CrmSlugs>('crm', { testMode: true })
  // @ts-expect-error a mistyped slug is not one of the application's
  api.permissions.has('create_invoces', 'acme-id')
}

/** Never called: a caught error narrows kind by kind, and the general one stays. */
export function narrowed(error: unknown): string {
  if (!(error instanceof LicenseError)) throw error
  if (error instanceof BadCredentials) return error.name satisfies 'BadCredentials'
  if (error instanceof NoValidToken) return error.name satisfies 'NoValidToken'
  // @ts-expect-error what is left may be of any kind
  error.name satisfies 'BadCredentials'
  return `${error.code} ${error.status ?? ''}`
}

/** Never called, like those above. */
export async function managed(admin: LicenseAdmin): Promise<void> {
  const role = await admin.roles.get({ application: 'crm', key: 'clerk' })
  await admin.roles.update(role, { name: 'Clerk' }, { ifMatch: role.etag })
  // @ts-expect-error a change says of what state it is one
  await admin.roles.update(role, { name: 'Clerk' })
  // @ts-expect-error fields have the API's names
  await admin.users.update('an id', { firstName: 'Anna' })
  // @ts-expect-error what has three ids is named by all of them
  await admin.seats.remove({ company: 'acme-id', user: 'anna-id' })
  for await (const seat of admin.seats.list({ company: 'acme-id' })) await admin.seats.remove(seat)
  // @ts-expect-error an id may have to be looked at first
  await admin.companies.get((await admin.users.get('an id')).managed_by)
  const managedBy: string | null | undefined = (await admin.users.get('an id')).managed_by
  await admin.users.create({ email: 'anna@acme.test', first_name: undefined, managed_by: managedBy })
  const more = [
    new LicenseAdmin({ baseUrl: 'https://license.example', apiKey: 'clk_1' }),
    new LicenseAdmin({ baseUrl: 'https://license.example', credentials: 'include' }),
    // @ts-expect-error by a key or by the cookie
    new LicenseAdmin({ baseUrl: 'https://license.example' }),
    // @ts-expect-error not by both
    new LicenseAdmin({ baseUrl: 'https://license.example', apiKey: 'clk_1', credentials: 'include' }),
  ]
  void more
}

test('types are for the compiler: the tests around this line hold when it is content', () => {
  assert.equal(typeof typed, 'function')
  assert.equal(typeof narrowed, 'function')
  assert.equal(typeof managed, 'function')
})
