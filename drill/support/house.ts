import type { HouseFile } from '../../packages/server/src/imports/house-schema.ts'

export const APPLICATION = 'crm'
export const COMPANY = 'ACME'
export const PASSWORD = 'a drill is no emergency'

type UserEntry = NonNullable<HouseFile['users']>[number]

/** One company with one application, and these users. */
export function houseOf(users: readonly UserEntry[]): HouseFile {
  return {
    companies: [{ name: COMPANY }],
    applications: [
      {
        id: APPLICATION,
        name: 'CRM',
        permissions: [
          { slug: 'list_invoices', name: 'See invoices' },
          { slug: 'create_invoice', name: 'Make invoices', needs: 'list_invoices' },
        ],
      },
    ],
    licenses: [{ company: COMPANY, application: APPLICATION, from: '2020-01-01', permissions: 'all' }],
    users: [...users],
  }
}

/** Users who may list and make invoices, `<prefix>0@drill.test` and so on. */
export function usersNamed(prefix: string, count: number): UserEntry[] {
  return Array.from({ length: count }, (_, index) =>
    member({ email: `${prefix}${index}@drill.test`, password: PASSWORD }),
  )
}

export function member(user: UserEntry): UserEntry {
  const grants = [{ application: APPLICATION, permissions: ['create_invoice'] }]
  return { ...user, companies: [{ company: COMPANY, grants }] }
}
