import { hashSync } from '@node-rs/argon2'
import { issueToken } from '../../src/credentials/issue-token.ts'
import type { HouseFile, UserEntry } from '../../src/imports/house-schema.ts'
import type { TestServer } from './server.ts'

export const PASSWORD = 'anna rides a bicycle'
/** Of PASSWORD, as another system made it: cheap, for tests that are not about hashing. */
export const CHEAP_HASH = hashSync(PASSWORD, { memoryCost: 8, timeCost: 1, parallelism: 1 })

export const ACME = '0c1ef7a0-5d1c-4c54-9a6e-3f5f4b8b2a11'
export const GLOBEX = '3b5d0c1e-2f64-4d0b-8b71-6f2f9b1f7c22'

export const ANNA = 'anna@acme.test'

/**
 * A small house. Anna works for ACME (primary) and Globex, in both applications; Carla for Globex only; Olga runs the house and
 * may use the CRM; Gina has no company; Felix is switched off. All have PASSWORD.
 */
export const SMALL_HOUSE = {
  companies: [
    { id: ACME, name: 'ACME' },
    { id: GLOBEX, name: 'Globex' },
  ],
  applications: [
    {
      id: 'crm',
      name: 'CRM',
      permissions: [
        { slug: 'list_invoices' },
        { slug: 'create_invoice', needs: 'list_invoices' },
        { slug: 'approve_invoice', needs: 'list_invoices' },
      ],
      roles: [{ key: 'clerk', permissions: ['create_invoice'] }],
    },
    { id: 'shop', name: 'Web shop', exposes_pin: true, permissions: [{ slug: 'list_orders' }] },
    { id: 'vault', name: 'Vault', secret: 'the-vault-opens-at-nine', permissions: [{ slug: 'open_door' }] },
    { id: 'attic', name: 'Attic', active: false },
  ],
  licenses: [ACME, GLOBEX].flatMap((company) =>
    ['crm', 'shop', 'vault', 'attic'].map((application) => ({ company, application, from: '2020-01-01' })),
  ),
  users: [
    user(ANNA, {
      first_name: 'Anna',
      last_name: 'Ames',
      pin: '4711',
      companies: [
        {
          company: ACME,
          primary: true,
          grants: [
            { application: 'crm', roles: ['clerk'] },
            { application: 'shop', permissions: ['list_orders'] },
            { application: 'vault', permissions: ['open_door'] },
            { application: 'attic' },
          ],
        },
        {
          company: GLOBEX,
          grants: [
            { application: 'crm', permissions: ['approve_invoice'] },
            { application: 'shop' },
            { application: 'vault' },
          ],
        },
      ],
    }),
    user('carla@globex.test', { companies: [{ company: GLOBEX, grants: [{ application: 'crm' }] }] }),
    user('olga@house.test', { operator: true, companies: [{ company: ACME, grants: [{ application: 'crm' }] }] }),
    user('gina@example.test'),
    user('felix@acme.test', { active: false, companies: [{ company: ACME, grants: [{ application: 'crm' }] }] }),
  ],
} satisfies HouseFile

/** As the CRM, each for the clients of a dialect. */
const FLAT = { till: 'flat-0.2', press: 'flat-0.1' } as const
const inFlat = Object.keys(FLAT) as (keyof typeof FLAT)[] // The keys that it has.

/** The small house with two applications more, for the flat dialects: whatever somebody may do in the CRM, they may there too. */
export const FLAT_HOUSE = {
  ...SMALL_HOUSE,
  applications: [
    ...SMALL_HOUSE.applications,
    ...inFlat.map((id) => ({ ...SMALL_HOUSE.applications[0], id, name: id, dialect: FLAT[id] })),
  ],
  licenses: [
    ...SMALL_HOUSE.licenses,
    ...[ACME, GLOBEX].flatMap((company) => inFlat.map((application) => ({ company, application, from: '2020-01-01' }))),
  ],
  users: SMALL_HOUSE.users.map((each: UserEntry) => ({
    ...each,
    companies: (each.companies ?? []).map((membership) => ({
      ...membership,
      grants: (membership.grants ?? []).flatMap((grant) =>
        grant.application === 'crm' ? [grant, ...inFlat.map((application) => ({ ...grant, application }))] : [grant],
      ),
    })),
  })),
} satisfies HouseFile

export function user(email: string, more: Partial<UserEntry> = {}): UserEntry {
  return { email, password_hash: CHEAP_HASH, ...more }
}

/** A token as a sign-in makes it, without the hashing of one. */
export async function issue({ ctx }: Pick<TestServer, 'ctx'>, email: string, applicationId: string): Promise<string> {
  const { id } = await ctx.db.read.selectFrom('users').select('id').where('email', '=', email).executeTakeFirstOrThrow()
  const { token } = await ctx.db.transaction((tx) => issueToken(ctx, tx, { userId: id, applicationId }))
  return token
}
