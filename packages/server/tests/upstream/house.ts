import type { HouseFile } from '../../src/imports/house-schema.ts'
import { CHEAP_HASH } from '../support/house.ts'
import type { OldCompany, OldUser } from '../support/old-server.ts'

export const ACME = '0c1ef7a0-5d1c-4c54-9a6e-3f5f4b8b2a11'
export const GLOBEX = '3b5d0c1e-2f64-4d0b-8b71-6f2f9b1f7c22'
export const INITECH = '7d2f5a10-9c3e-4b7d-8e11-5a4c3b2a1f33'

/** As their old server has it. */
export const MIA = 'mia@acme.test'
export const OLD_PASSWORD = 'the password of before ☃'

export function oldCompany(id: string, name: string, ...permissions: string[]): OldCompany {
  return { company_id: id, company_name: name, permissions: ['use_app', ...permissions] }
}

export function oldUser(email: string, companies: OldCompany[], more: Partial<OldUser['profile']> = {}): OldUser {
  return {
    password: OLD_PASSWORD,
    profile: { first_name: 'Mia', last_name: 'Møller', email, ...more },
    companies,
  }
}

const permissions = [
  { slug: 'list_invoices' },
  { slug: 'create_invoice', needs: 'list_invoices' },
  { slug: 'approve_invoice', needs: 'list_invoices' },
  { slug: 'close_books', operator_only: true },
  { slug: 'reopen_books', needs: 'close_books' },
  { slug: 'is_superuser' },
]

/** The new house before anybody moves: applications with their trees, and people who have passwords here. */
export const NEW_HOUSE = {
  companies: [{ id: GLOBEX, name: 'Globex' }],
  applications: [
    { id: 'crm', name: 'CRM', permissions },
    { id: 'till', name: 'Till', dialect: 'flat-0.2', permissions },
    { id: 'press', name: 'Press', dialect: 'flat-0.1', permissions },
    { id: 'shop', name: 'Shop', exposes_pin: true, permissions: [{ slug: 'list_orders' }] },
    { id: 'vault', name: 'Vault', secret: 'the-vault-opens-at-nine' },
    { id: 'attic', name: 'Attic', active: false },
  ],
  licenses: [{ company: GLOBEX, application: 'crm', from: '2020-01-01' }],
  users: [
    {
      email: 'here@globex.test',
      password_hash: CHEAP_HASH,
      companies: [{ company: GLOBEX, grants: [{ application: 'crm' }] }],
    },
  ],
} satisfies HouseFile
