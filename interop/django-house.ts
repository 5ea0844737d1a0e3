// The house that the Django sites are shown: for each release an application and people of its own.
import { CHEAP_HASH, PASSWORD } from '../packages/server/tests/support/house.ts'

export { PASSWORD }

export const acme = { id: '9f0a5c1e-4a57-4a6e-9f0a-000000000001', name: 'ACME' }
export const globex = { id: '9f0a5c1e-4a57-4a6e-9f0a-000000000002', name: 'Globex Ærø & Søn «北»' }
/** It has a license, and none of the people below. */
export const hooli = { id: '9f0a5c1e-4a57-4a6e-9f0a-000000000003', name: 'Hooli' }

export const applicationOf = (release: string) => `billing-${release}`

const permissions = [{ slug: 'list_invoices' }, { slug: 'create_invoice', needs: 'list_invoices' }]

const makes = ['create_invoice']
const looks = ['list_invoices']

/** Who there is, and what they may do for which company. All have PASSWORD. */
const people = {
  anna: { first: 'Anna', last: 'Ångström-Őry', rights: [[acme, makes] as const, [globex, looks] as const] },
  bert: { first: 'Bert', last: 'Of ACME', rights: [[acme, makes] as const] },
  carl: { first: 'Carl', last: 'Of ACME', rights: [[acme, makes] as const] },
  gina: { first: 'Gina', last: 'Helped', rights: [[acme, makes] as const, [globex, looks] as const] },
  /** Loses all companies but one, and then that one. */
  leon: { first: 'Leon', last: 'Leaves', rights: [[acme, makes] as const, [globex, looks] as const] },
  /** Gets another address and a pin. */
  emma: { first: 'Emma', last: 'Moves', rights: [[acme, makes] as const, [globex, looks] as const] },
  otto: { first: 'Otto', last: 'Off', rights: [[acme, makes] as const] },
  nora: { first: 'Nora', last: 'None', rights: [] },
}

export type Person = keyof typeof people
const everybody = Object.keys(people) as Person[] // Of the table itself.

export const emailOf = (person: Person, release: string) => `${person}@${release.replaceAll('.', '-')}.test`

/** Of the user, a UUID that tells whose it is. */
export function idOf(person: Person, release: string): string {
  const nth = String(everybody.indexOf(person)).padStart(6, '0')
  return `9f0a5c1e-4a57-4a6e-9f0b-${release.replaceAll('.', '').padStart(6, '0')}${nth}`
}

export function houseOf(releases: readonly string[]) {
  return {
    companies: [acme, globex, hooli],
    applications: releases.map((release) => ({ id: applicationOf(release), name: `Billing ${release}`, permissions })),
    licenses: releases.flatMap((release) =>
      [acme, globex, hooli].map(({ id }) => ({ company: id, application: applicationOf(release), from: '2020-01-01' })),
    ),
    users: releases.flatMap((release) =>
      everybody.map((person) => ({
        id: idOf(person, release),
        email: emailOf(person, release),
        first_name: people[person].first,
        last_name: people[person].last,
        password_hash: CHEAP_HASH,
        companies: people[person].rights.map(([company, slugs]) => ({
          company: company.id,
          grants: [{ application: applicationOf(release), permissions: [...slugs] }],
        })),
      })),
    ),
  }
}
