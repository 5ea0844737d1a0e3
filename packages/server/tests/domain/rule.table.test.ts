// The rule as a product owner reads it. Anna works for ACME, which has a license for the CRM; a row is a sentence, what is
// different from the situation in `usual`, all that the CRM is then told she may do, and why it is not more.
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readMoment } from '../../src/domain/day.ts'
import { effective, type Refusal } from '../../src/domain/effective.ts'
import { explain } from '../../src/domain/explain.ts'
import type { Facts, GrantFacts } from '../../src/domain/facts.ts'
import { END_OF_TIME, type Interval, START_OF_TIME } from '../../src/domain/interval.ts'
import { buildTree } from '../../src/domain/tree.ts'

const CRM: Record<string, { needs: string | null; operatorOnly?: true }> = {
  use_app: { needs: null },
  list_invoices: { needs: null },
  create_invoice: { needs: 'list_invoices' },
  delete_invoice: { needs: 'create_invoice' },
  see_reports: { needs: 'use_app' },
  set_up: { needs: null, operatorOnly: true },
  set_up_mail: { needs: 'set_up' },
  is_superuser: { needs: null },
}

type During = { from?: string; until?: string }
type Situation = {
  now?: string
  application?: 'off'
  user?: 'off'
  company?: 'off'
  member?: 'off' | 'no'
  license?: 'none' | (During & { grace?: number; suspended?: true; includes?: 'all' | string[]; roles?: string[][] })
  seat?: 'none' | During
  grants?: (string | (During & { gives: string }))[]
  roles?: (string[] | (During & { gives: string[] }))[]
}

const usual = {
  now: '2026-06-15T12:00:00Z',
  license: { from: '2026-01-01', includes: 'all' },
  seat: {},
  grants: [],
  roles: [],
} as const satisfies Situation

type Row = [sentence: string, situation: Situation, may: string, because?: `${string}: ${Refusal}`]

const TABLE: Record<string, Row[]> = {
  'Everybody and everything is switched on': [
    ['Anna uses the CRM at ACME', {}, 'use_app'],
    ['… but not while the CRM is switched off', { application: 'off' }, '', 'use_app: application_off'],
    ['… nor while Anna is switched off', { user: 'off' }, '', 'use_app: user_off'],
    ['… nor while ACME is switched off', { company: 'off' }, '', 'use_app: company_off'],
    ['… nor when she is no member of ACME', { member: 'no' }, '', 'use_app: not_a_member'],
    ['… nor while her membership is switched off', { member: 'off' }, '', 'use_app: membership_off'],
    ['the first thing that is wrong is the reason', { user: 'off', company: 'off' }, '', 'use_app: user_off'],
    ['… also for what she was granted', { company: 'off', grants: ['see_reports'] }, '', 'see_reports: company_off'],
  ],
  'ACME has a license in force': [
    ['a license from the first of the year holds in June', { license: { from: '2026-01-01' } }, 'use_app'],
    [
      'without any license nobody of ACME uses the CRM',
      { license: 'none', grants: ['see_reports'] },
      '',
      'use_app: no_license',
    ],
    [
      'a license starts with its first day',
      { license: { from: '2026-06-15' }, now: '2026-06-15T00:00:00.000Z' },
      'use_app',
    ],
    [
      '… and not a millisecond earlier',
      { license: { from: '2026-06-15' }, now: '2026-06-14T23:59:59.999Z' },
      '',
      'use_app: license_scheduled',
    ],
    ['a license starts exactly at its moment', { license: { from: '2026-06-15T12:00:00Z' } }, 'use_app'],
    ['… and not before it', { license: { from: '2026-06-15T12:00:00.001Z' } }, '', 'use_app: license_scheduled'],
    [
      'the last day of a license is included',
      { license: { until: '2026-06-15' }, now: '2026-06-15T23:59:59.999Z' },
      'use_app',
    ],
    [
      '… the day after is not',
      { license: { until: '2026-06-15' }, now: '2026-06-16T00:00:00.000Z' },
      '',
      'use_app: license_ended',
    ],
    [
      'a license holds until a millisecond before its end',
      { license: { until: '2026-06-15T12:00:00.001Z' } },
      'use_app',
    ],
    [
      '… and has ended exactly at its end',
      { license: { until: '2026-06-15T12:00:00Z' } },
      '',
      'use_app: license_ended',
    ],
    ['grace days come after the last day', { license: { until: '2026-06-01', grace: 14 } }, 'use_app'],
    ['… without them it has ended', { license: { until: '2026-06-01', grace: 0 } }, '', 'use_app: license_ended'],
    [
      'what was granted stays whole in the grace days',
      { license: { until: '2026-06-01', grace: 14 }, grants: ['see_reports'] },
      'see_reports use_app',
    ],
    [
      'the last millisecond of the grace days is one of them',
      { license: { until: '2026-06-14', grace: 1 }, now: '2026-06-15T23:59:59.999Z' },
      'use_app',
    ],
    [
      '… after it the license has ended',
      { license: { until: '2026-06-14', grace: 1 }, now: '2026-06-16T00:00:00.000Z' },
      '',
      'use_app: license_ended',
    ],
    [
      'grace days of a license that ends at a moment are days of 24 hours',
      { license: { until: '2026-06-13T12:00:00.001Z', grace: 2 } },
      'use_app',
    ],
    [
      '… to the millisecond',
      { license: { until: '2026-06-13T12:00:00.000Z', grace: 2 } },
      '',
      'use_app: license_ended',
    ],
    [
      'grace days are none before the start',
      { license: { from: '2026-06-16', grace: 14 } },
      '',
      'use_app: license_scheduled',
    ],
    ['a license without an end needs no grace', { license: { grace: 0 }, now: '2199-12-31T00:00:00Z' }, 'use_app'],
    [
      'a license that is suspended stops everything at once',
      { license: { suspended: true }, grants: ['see_reports'] },
      '',
      'use_app: license_suspended',
    ],
    [
      '… in its grace days too',
      { license: { until: '2026-06-10', grace: 14, suspended: true } },
      '',
      'use_app: license_suspended',
    ],
  ],
  'Anna holds a seat': [
    ['a seat is the use of the CRM, with nothing granted', { grants: [] }, 'use_app', 'see_reports: not_granted'],
    ['… even where the license includes nothing', { license: { includes: [] } }, 'use_app', 'see_reports: not_granted'],
    [
      'without a seat what was granted is nothing',
      { seat: 'none', grants: ['see_reports'] },
      '',
      'see_reports: no_seat',
    ],
    [
      '… also what the license gives to every seat',
      { seat: 'none', license: { roles: [['see_reports']] } },
      '',
      'see_reports: no_seat',
    ],
    ['a seat holds exactly from its start', { seat: { from: '2026-06-15T12:00:00Z' } }, 'use_app'],
    ['… and not before', { seat: { from: '2026-06-15T12:00:00.001Z' } }, '', 'use_app: seat_not_started'],
    ['a seat holds until a millisecond before its end', { seat: { until: '2026-06-15T12:00:00.001Z' } }, 'use_app'],
    ['… and not at its end', { seat: { until: '2026-06-15T12:00:00Z' } }, '', 'use_app: seat_ended'],
    ['the last day of a seat is included', { seat: { until: '2026-06-15' } }, 'use_app'],
    ['… and yesterday has passed', { seat: { until: '2026-06-14' } }, '', 'use_app: seat_ended'],
    [
      'a seat has no grace days: those are the license’s',
      { seat: { until: '2026-06-14' }, license: { grace: 14 } },
      '',
      'use_app: seat_ended',
    ],
  ],
  'A grant gives its permission and what that needs': [
    ['who may see reports uses the CRM too', { grants: ['see_reports'] }, 'see_reports use_app'],
    ['… and may nothing else', { grants: ['see_reports'] }, 'see_reports use_app', 'list_invoices: not_granted'],
    ['who may make invoices sees them', { grants: ['create_invoice'] }, 'create_invoice list_invoices use_app'],
    [
      '… but does not delete them',
      { grants: ['create_invoice'] },
      'create_invoice list_invoices use_app',
      'delete_invoice: not_granted',
    ],
    [
      'what is needed goes all the way up',
      { grants: ['delete_invoice'] },
      'create_invoice delete_invoice list_invoices use_app',
    ],
    [
      'who may see invoices does not make them',
      { grants: ['list_invoices'] },
      'list_invoices use_app',
      'create_invoice: not_granted',
    ],
    [
      'a grant holds exactly from its start',
      { grants: [{ gives: 'see_reports', from: '2026-06-15T12:00:00Z' }] },
      'see_reports use_app',
    ],
    [
      '… and not before',
      { grants: [{ gives: 'see_reports', from: '2026-06-15T12:00:00.001Z' }] },
      'use_app',
      'see_reports: not_granted',
    ],
    [
      'a grant holds until a millisecond before its end',
      { grants: [{ gives: 'see_reports', until: '2026-06-15T12:00:00.001Z' }] },
      'see_reports use_app',
    ],
    [
      '… and not at its end',
      { grants: [{ gives: 'see_reports', until: '2026-06-15T12:00:00Z' }] },
      'use_app',
      'see_reports: not_granted',
    ],
    [
      'the last day of a grant is included',
      { grants: [{ gives: 'see_reports', until: '2026-06-15' }] },
      'see_reports use_app',
    ],
    [
      '… and yesterday has passed',
      { grants: [{ gives: 'see_reports', until: '2026-06-14' }] },
      'use_app',
      'see_reports: not_granted',
    ],
    [
      'what one grant no longer gives another may',
      { grants: [{ gives: 'create_invoice', until: '2026-06-14' }, 'list_invoices'] },
      'list_invoices use_app',
      'create_invoice: not_granted',
    ],
    [
      'what needs the ended one carries it along',
      { grants: [{ gives: 'list_invoices', until: '2026-06-14' }, 'create_invoice'] },
      'create_invoice list_invoices use_app',
    ],
    [
      'a permission for operators only that was granted holds',
      { grants: ['set_up_mail'] },
      'set_up set_up_mail use_app',
    ],
    ['… and nobody has it by using the CRM', { grants: [] }, 'use_app', 'set_up_mail: not_granted'],
  ],
  'Roles give what they hold': [
    [
      'a role gives all its permissions with what they need',
      { roles: [['create_invoice', 'see_reports']] },
      'create_invoice list_invoices see_reports use_app',
    ],
    [
      '… and no other',
      { roles: [['create_invoice']] },
      'create_invoice list_invoices use_app',
      'see_reports: not_granted',
    ],
    ['an empty role gives nothing', { roles: [[]] }, 'use_app', 'see_reports: not_granted'],
    [
      'a role given from today on holds today',
      { roles: [{ gives: ['see_reports'], from: '2026-06-15' }] },
      'see_reports use_app',
    ],
    [
      '… from tomorrow on, not yet',
      { roles: [{ gives: ['see_reports'], from: '2026-06-16' }] },
      'use_app',
      'see_reports: not_granted',
    ],
    ['the license gives a role to every seat', { license: { roles: [['list_invoices']] } }, 'list_invoices use_app'],
    [
      '… but not what that role does not hold',
      { license: { roles: [['list_invoices']] } },
      'list_invoices use_app',
      'see_reports: not_granted',
    ],
    [
      '… and not once the license is over',
      { license: { roles: [['list_invoices']], until: '2026-06-14' } },
      '',
      'list_invoices: license_ended',
    ],
    [
      'grants, roles and the license’s roles add up',
      { grants: ['see_reports'], roles: [['list_invoices']], license: { roles: [['create_invoice']] } },
      'create_invoice list_invoices see_reports use_app',
    ],
  ],
  'The license includes it': [
    [
      'a license for making invoices includes seeing them',
      { license: { includes: ['create_invoice'] }, grants: ['create_invoice'] },
      'create_invoice list_invoices use_app',
    ],
    [
      '… and not deleting them',
      { license: { includes: ['create_invoice'] }, grants: ['delete_invoice'] },
      'create_invoice list_invoices use_app',
      'delete_invoice: not_included',
    ],
    [
      'what the license does not include is not effective',
      { license: { includes: ['list_invoices'] }, grants: ['see_reports'] },
      'use_app',
      'see_reports: not_included',
    ],
    [
      'what it includes still has to be granted',
      { license: { includes: ['see_reports'] } },
      'use_app',
      'see_reports: not_granted',
    ],
    [
      'a role that the license gives goes no further than the license',
      { license: { includes: ['list_invoices'], roles: [['create_invoice']] } },
      'list_invoices use_app',
      'create_invoice: not_included',
    ],
    [
      'a license for everything includes what only operators give',
      { license: { includes: 'all' }, grants: ['set_up'] },
      'set_up use_app',
    ],
    [
      '… which a narrower one does not',
      { license: { includes: ['see_reports'] }, grants: ['set_up'] },
      'use_app',
      'set_up: not_included',
    ],
  ],
  'is_superuser stands alone': [
    [
      'named in the license and granted, it is effective',
      { license: { includes: ['is_superuser'] }, grants: ['is_superuser'] },
      'is_superuser use_app',
    ],
    [
      '… “all” does not name it',
      { license: { includes: 'all' }, grants: ['is_superuser'] },
      'use_app',
      'is_superuser: not_included',
    ],
    [
      '… and being named is not being granted',
      { license: { includes: ['is_superuser'] } },
      'use_app',
      'is_superuser: not_granted',
    ],
    [
      '… and it brings nothing else along',
      { license: { includes: ['is_superuser', 'see_reports'] }, grants: ['is_superuser'] },
      'is_superuser use_app',
      'see_reports: not_granted',
    ],
    [
      'nothing else brings it along',
      { license: { includes: ['is_superuser', 'set_up_mail'] }, grants: ['set_up_mail'] },
      'set_up set_up_mail use_app',
      'is_superuser: not_granted',
    ],
    [
      'a role may give it where the license names it',
      { license: { includes: ['is_superuser'] }, roles: [['is_superuser']] },
      'is_superuser use_app',
    ],
    [
      '… and without a seat it is nothing',
      { license: { includes: ['is_superuser'] }, grants: ['is_superuser'], seat: 'none' },
      '',
      'is_superuser: no_seat',
    ],
  ],
}

const tree = buildTree(
  Object.entries(CRM).map(([slug, { needs, operatorOnly = false }]) => ({
    id: idOf(slug),
    slug,
    needs: needs === null ? null : idOf(needs),
    operatorOnly,
  })),
)

for (const [title, rows] of Object.entries(TABLE)) {
  suite(title, () => {
    for (const [sentence, situation, may, because] of rows) {
      test(sentence, () => {
        const now = moment(situation.now ?? usual.now, 'start')
        const facts = factsIn(situation)
        const slugs = effective(tree, facts, now)
        assert.deepEqual(slugs, may === '' ? [] : may.split(' '))
        for (const slug of tree.slugs) assert.equal(explain(tree, facts, slug, now).allowed, slugs.includes(slug), slug)
        if (because === undefined) return
        const [slug = '', reason] = because.split(': ')
        assert.equal(explain(tree, facts, slug, now).because, reason)
      })
    }
  })
}

test('the table has every refusal, and beside each a row in which that very permission is allowed', () => {
  const rows = Object.values(TABLE).flat()
  const refused = rows.flatMap(([, , , because]) => (because ? [because.split(': ')] : []))
  const reasons: Record<Refusal, true> = {
    application_off: true,
    user_off: true,
    company_off: true,
    not_a_member: true,
    membership_off: true,
    no_license: true,
    license_scheduled: true,
    license_ended: true,
    license_suspended: true,
    no_seat: true,
    seat_not_started: true,
    seat_ended: true,
    not_granted: true,
    not_included: true,
  }
  assert.deepEqual(new Set(refused.map(([, reason]) => reason)), new Set(Object.keys(reasons)))
  for (const [slug = ''] of refused)
    assert.ok(
      rows.some(([, , may]) => may.split(' ').includes(slug)),
      slug,
    )
})

test('explain names every grant that gives a permission, with the way down to it and where in time it stands', () => {
  const facts = factsIn({
    grants: [{ gives: 'list_invoices', until: '2026-06-14' }, 'see_reports'],
    roles: [{ gives: ['delete_invoice'], from: '2026-06-16' }, ['create_invoice']],
  })
  const { paths, links } = explain(tree, facts, 'list_invoices', moment(usual.now, 'start'))
  assert.deepEqual(
    paths.map(({ grant, phase, slugs }) => [grant.through.kind, phase, slugs.join(' > ')]),
    [
      ['direct', 'ended', 'list_invoices'],
      ['role', 'not_started', 'delete_invoice > create_invoice > list_invoices'],
      ['role', 'in_force', 'create_invoice > list_invoices'],
    ],
  )
  assert.deepEqual(
    links.map(({ name, refusal }) => [name, refusal]),
    ['application', 'user', 'company', 'membership', 'license', 'seat'].map((name) => [name, null]),
  )
})

test('explain judges every link, also those after the first that fails', () => {
  const facts = factsIn({ user: 'off', license: 'none', seat: { until: '2026-06-14' } })
  const { links, because, allowed } = explain(tree, facts, 'use_app', moment(usual.now, 'start'))
  assert.deepEqual([allowed, because], [false, 'user_off'])
  assert.deepEqual(
    links.map(({ refusal }) => refusal),
    [null, 'user_off', null, null, 'no_license', 'seat_ended'],
  )
})

test('a grant of something that the application no longer has gives nothing', () => {
  const gone: GrantFacts = {
    permission: 999,
    through: { kind: 'direct' },
    startsAt: START_OF_TIME,
    endsAt: END_OF_TIME,
  }
  const facts = { ...factsIn({ license: { includes: [] } }), grants: [gone] }
  assert.deepEqual(effective(tree, facts, moment(usual.now, 'start')), ['use_app'])
})

function factsIn(situation: Situation): Facts {
  const { license = {}, seat = usual.seat, grants = usual.grants, roles = usual.roles } = situation
  const grantOf = (slug: string, during: During, through: GrantFacts['through']): GrantFacts => ({
    permission: idOf(slug),
    through,
    ...interval(during),
  })
  const sold = license === 'none' ? null : { ...usual.license, ...license }
  return {
    application: { active: situation.application !== 'off' },
    user: { active: situation.user !== 'off' },
    company: { active: situation.company !== 'off' },
    membership: situation.member === 'no' ? null : { active: situation.member !== 'off' },
    license: sold && {
      ...interval(sold),
      graceDays: sold.grace ?? 0,
      suspended: sold.suspended ?? false,
      includes: sold.includes === 'all' ? 'all' : { named: sold.includes.map(idOf) },
    },
    seat: seat === 'none' ? null : interval(seat),
    grants: [
      ...(sold?.roles ?? []).flat().map((slug) => grantOf(slug, {}, { kind: 'license_role', role: 1 })),
      ...grants.map((grant) =>
        typeof grant === 'string'
          ? grantOf(grant, {}, { kind: 'direct' })
          : grantOf(grant.gives, grant, { kind: 'direct' }),
      ),
      ...roles.flatMap((role, at) => {
        const { gives, ...during } = Array.isArray(role) ? { gives: role } : role
        return gives.map((slug) => grantOf(slug, during, { kind: 'role', role: 2 + at }))
      }),
    ],
  }
}

function idOf(slug: string): number {
  const at = Object.keys(CRM).indexOf(slug)
  assert.ok(at >= 0, `the CRM has no ${slug}`)
  return 100 - at
}

function interval({ from, until }: During): Interval {
  return {
    startsAt: from === undefined ? START_OF_TIME : moment(from, 'start'),
    endsAt: until === undefined ? END_OF_TIME : moment(until, 'end'),
  }
}

function moment(text: string, as: 'start' | 'end'): number {
  const at = readMoment(text, 'UTC', as)
  assert.ok(at !== undefined, `no date: ${text}`)
  return at
}
