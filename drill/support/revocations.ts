import { COMMAND_LINE } from '../../packages/server/src/audit/actor.ts'
import type { Context } from '../../packages/server/src/context.ts'
import {
  changePassword,
  deleteUser,
  endSeat,
  endToken,
  removeMember,
  switchApplication,
  switchUser,
} from '../../packages/server/src/credentials/accounts.ts'
import { endCredentials } from '../../packages/server/src/credentials/ending.ts'
import { hashPassword } from '../../packages/server/src/credentials/password-hash.ts'
import { secretHash } from '../../packages/server/src/credentials/secrets.ts'
import { STANDS } from '../../packages/server/src/db/tables.ts'
import type { HouseFile } from '../../packages/server/src/imports/house-schema.ts'
import { APPLICATION, COMPANY, PASSWORD } from './house.ts'
import { signOut } from './http.ts'

export const EMAIL = 'user0@drill.test'

/** What is left of the rights: these permissions in the one company, no company at all, or no session. */
export type Left = readonly string[] | 'refused'

export type Scene = {
  ctx: Context
  /** Where the servers are. */
  url: string
  seed(house: HouseFile): Promise<void>
  /** The session that looks up what it may do. */
  token: string
}

/** A way to take a right away, and back. */
export type Revocation = {
  what: string
  take(scene: Scene): Promise<unknown>
  giveBack?(scene: Scene): Promise<unknown>
  left: Left
}

/** `create_invoice` is granted, `approve_invoice` by a role, `print_invoice` by a role that the license gives to every seat. */
export const ALL = ['approve_invoice', 'create_invoice', 'list_invoices', 'print_invoice', 'use_app']

const NONE: Left = []

const USER: NonNullable<HouseFile['users']>[number] = {
  email: EMAIL,
  password: PASSWORD,
  companies: [
    // Also where the membership was taken away.
    {
      company: COMPANY,
      active: true,
      grants: [{ application: APPLICATION, permissions: ['create_invoice'], roles: ['approver'] }],
    },
  ],
}

export const HOUSE: HouseFile = {
  companies: [{ name: COMPANY }],
  applications: [
    {
      id: APPLICATION,
      name: 'CRM',
      permissions: [
        { slug: 'list_invoices' },
        { slug: 'create_invoice', needs: 'list_invoices' },
        { slug: 'approve_invoice', needs: 'list_invoices' },
        { slug: 'print_invoice' },
      ],
      roles: [
        { key: 'approver', permissions: ['approve_invoice'] },
        { key: 'printer', permissions: ['print_invoice'] },
      ],
    },
  ],
  licenses: [
    { company: COMPANY, application: APPLICATION, from: '2020-01-01', permissions: 'all', roles: ['printer'] },
  ],
  users: [USER],
}

export const REVOCATIONS: readonly Revocation[] = [
  byFile('the license is suspended', NONE, (off) => ({ licenses: [license({ suspended: off })] })),
  byFile('the license ends', NONE, (off) => ({ licenses: [license({ until: off ? '2021-01-01' : null })] })),
  byFile('the license no longer includes some', ['list_invoices', 'use_app'], (off) => ({
    licenses: [license({ permissions: off ? ['list_invoices'] : 'all' })],
  })),
  byFile('the license gives its role no more', without('print_invoice'), (off) => ({
    licenses: [license({ roles: off ? [] : ['printer'] })],
  })),
  byFile('a role gets smaller', without('approve_invoice'), (off) => ({
    applications: [{ id: APPLICATION, roles: [{ key: 'approver', permissions: off ? [] : ['approve_invoice'] }] }],
  })),
  byFile("the license's role gets smaller", without('print_invoice'), (off) => ({
    applications: [{ id: APPLICATION, roles: [{ key: 'printer', permissions: off ? [] : ['print_invoice'] }] }],
  })),
  byFile('permissions need less', without('list_invoices'), (off) => ({
    applications: [
      {
        id: APPLICATION,
        permissions: ['create_invoice', 'approve_invoice'].map((slug) => ({
          slug,
          needs: off ? null : 'list_invoices',
        })),
      },
    ],
  })),
  byFile('the company is switched off', NONE, (off) => ({ companies: [{ name: COMPANY, active: !off }] })),
  byFile('the membership is switched off', NONE, (off) => ({
    users: [{ email: EMAIL, companies: [{ company: COMPANY, active: !off }] }],
  })),
  byFile('the seat ends', NONE, (off) => ({
    users: [
      {
        email: EMAIL,
        companies: [
          {
            company: COMPANY,
            grants: [{ application: APPLICATION, seat: { ends_at: off ? '2021-01-01T00:00:00Z' : null } }],
          },
        ],
      },
    ],
  })),
  byFile('the user is switched off by a house file', 'refused', (off) => ({ users: [{ email: EMAIL, active: !off }] })),
  byFile('the application is switched off by a house file', 'refused', (off) => ({
    applications: [{ id: APPLICATION, active: !off }],
  })),
  {
    what: 'a grant of a permission is taken away',
    left: without('create_invoice'),
    take: ({ ctx }) => setGrants(ctx, 'permission_id', 'taken'),
    giveBack: ({ ctx }) => setGrants(ctx, 'permission_id', 'given'),
  },
  {
    what: 'a grant of a role is taken away',
    left: without('approve_invoice'),
    take: ({ ctx }) => setGrants(ctx, 'role_id', 'taken'),
    giveBack: ({ ctx }) => setGrants(ctx, 'role_id', 'given'),
  },
  {
    what: 'the seat is taken away',
    left: NONE,
    take: async ({ ctx }) => endSeat(ctx, COMMAND_LINE, { ...(await idsOf(ctx)), applicationId: APPLICATION }),
    giveBack: ({ seed }) => seed({ users: [USER] }),
  },
  {
    what: 'the membership is taken away',
    left: NONE,
    take: async ({ ctx }) => removeMember(ctx, COMMAND_LINE, await idsOf(ctx)),
    giveBack: ({ seed }) => seed({ users: [USER] }),
  },
  {
    what: 'the user is switched off',
    left: 'refused',
    take: async ({ ctx }) => switchUser(ctx, COMMAND_LINE, (await idsOf(ctx)).userId, false),
    giveBack: async ({ ctx }) => switchUser(ctx, COMMAND_LINE, (await idsOf(ctx)).userId, true),
  },
  {
    what: 'the user is deleted',
    left: 'refused',
    take: async ({ ctx }) => deleteUser(ctx, COMMAND_LINE, { id: (await idsOf(ctx)).userId, email: EMAIL }),
    giveBack: ({ seed }) => seed({ users: [USER] }),
  },
  {
    what: 'the application is switched off',
    left: 'refused',
    take: ({ ctx }) => switchApplication(ctx, COMMAND_LINE, APPLICATION, false),
    giveBack: ({ ctx }) => switchApplication(ctx, COMMAND_LINE, APPLICATION, true),
  },
  {
    what: 'the password is changed',
    left: 'refused',
    take: async ({ ctx }) => changePassword(ctx, COMMAND_LINE, (await idsOf(ctx)).userId, await hashPassword(PASSWORD)),
  },
  {
    what: 'the user is signed out everywhere',
    left: 'refused',
    take: async ({ ctx }) => {
      const { userId } = await idsOf(ctx)
      return ctx.db.transaction((tx) => endCredentials(tx, { userId }, ctx.now()))
    },
  },
  {
    what: 'all sessions of the application end',
    left: 'refused',
    take: ({ ctx }) => ctx.db.transaction((tx) => endCredentials(tx, { applicationId: APPLICATION }, ctx.now())),
  },
  { what: 'the token is revoked', left: 'refused', take: revokeToken },
  { what: 'a sign-out', left: 'refused', take: ({ url, token }) => signOut(url, token) },
]

/** As a house file says it: a field is given another value, and its own again. */
function byFile(what: string, left: Left, house: (off: boolean) => HouseFile): Revocation {
  return { what, left, take: ({ seed }) => seed(house(true)), giveBack: ({ seed }) => seed(house(false)) }
}

function without(slug: string): Left {
  return ALL.filter((each) => each !== slug)
}

type LicenseEntry = NonNullable<HouseFile['licenses']>[number]

function license(change: Partial<LicenseEntry>): LicenseEntry {
  return { company: COMPANY, application: APPLICATION, ...change }
}

/** A moment at which nothing else ends, so that what ended with a seat stays so. */
const TAKEN = 1

/** By a statement: no command takes a single grant away. */
async function setGrants(ctx: Context, kind: 'permission_id' | 'role_id', wanted: 'taken' | 'given'): Promise<void> {
  const { userId } = await idsOf(ctx)
  const [before, after] = wanted === 'taken' ? [STANDS, TAKEN] : [TAKEN, STANDS]
  await ctx.db.transaction((tx) =>
    tx
      .updateTable('grants')
      .set({ revoked_at: after })
      .where('user_id', '=', userId)
      .where(kind, 'is not', null)
      .where('revoked_at', '=', before)
      .execute(),
  )
}

async function revokeToken({ ctx, token }: Scene): Promise<void> {
  const { id } = await ctx.db.read
    .selectFrom('tokens')
    .select('id')
    .where('hash', '=', secretHash(token))
    .executeTakeFirstOrThrow()
  await endToken(ctx, COMMAND_LINE, id)
}

async function idsOf(ctx: Context): Promise<{ userId: string; companyId: string }> {
  const user = await ctx.db.read.selectFrom('users').select('id').where('email', '=', EMAIL).executeTakeFirstOrThrow()
  const company = await ctx.db.read
    .selectFrom('companies')
    .select('id')
    .where('name', '=', COMPANY)
    .executeTakeFirstOrThrow()
  return { userId: user.id, companyId: company.id }
}
