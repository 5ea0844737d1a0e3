import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { END_OF_TIME, inForce, phase, START_OF_TIME } from '../../src/domain/interval.ts'
import { graceEnd, type LicenseDates, type LicenseState, licenseState } from '../../src/domain/license-state.ts'

const DAY = 86_400_000
const june: LicenseDates = { startsAt: Date.UTC(2026, 5, 1), endsAt: Date.UTC(2026, 6, 1), graceDays: 14 }
const graceOver = june.endsAt + 14 * DAY

const ROWS: [sentence: string, license: LicenseDates, now: number, state: LicenseState][] = [
  ['a millisecond before its start it is scheduled', june, june.startsAt - 1, 'scheduled'],
  ['at its start it is in force', june, june.startsAt, 'in_force'],
  ['a millisecond before its end it is in force', june, june.endsAt - 1, 'in_force'],
  ['at its end the grace days begin', june, june.endsAt, 'in_grace'],
  ['… or it has ended, without grace days', { ...june, graceDays: 0 }, june.endsAt, 'ended'],
  ['the last millisecond of the grace days is one of them', june, graceOver - 1, 'in_grace'],
  ['when they are over it has ended', june, graceOver, 'ended'],
  ['one grace day is 24 hours', { ...june, graceDays: 1 }, june.endsAt + DAY - 1, 'in_grace'],
  ['… and no more', { ...june, graceDays: 1 }, june.endsAt + DAY, 'ended'],
  ['without an end it is in force for ever', { ...june, endsAt: END_OF_TIME }, Date.UTC(9999, 0), 'in_force'],
  ['without a start it was always in force', { ...june, startsAt: START_OF_TIME }, 0, 'in_force'],
]

for (const [sentence, license, now, state] of ROWS) {
  test(`license: ${sentence}`, () => assert.equal(licenseState(license, now), state))
}

test('an open end has no grace days after it', () => {
  assert.equal(graceEnd({ startsAt: 0, endsAt: END_OF_TIME, graceDays: 14 }), END_OF_TIME)
  assert.equal(graceEnd(june), graceOver)
})

test('time only moves a license forward: scheduled, in force, in grace, ended', () => {
  const order: LicenseState[] = ['scheduled', 'in_force', 'in_grace', 'ended']
  const moments = fc.integer({ min: june.startsAt - 40 * DAY, max: graceOver + 40 * DAY })
  fc.assert(
    fc.property(moments, moments, fc.nat(30), (a, b, graceDays) => {
      const at = (now: number) => order.indexOf(licenseState({ ...june, graceDays }, now))
      assert.ok(at(Math.min(a, b)) <= at(Math.max(a, b)))
    }),
  )
})

test('an interval has its start and not its end', () => {
  const interval = { startsAt: 10, endsAt: 12 }
  const seen = [9, 10, 11, 12].map((now) => phase(interval, now))
  assert.deepEqual(seen, ['not_started', 'in_force', 'in_force', 'ended'])
  for (const now of [9, 10, 11, 12]) assert.equal(inForce(interval, now), phase(interval, now) === 'in_force')
})

test('two intervals that meet never hold together, and never leave a gap', () => {
  const [before, after] = [
    { startsAt: 0, endsAt: 10 },
    { startsAt: 10, endsAt: 20 },
  ]
  for (let now = 0; now < 20; now += 1) assert.equal(Number(inForce(before, now)) + Number(inForce(after, now)), 1)
})
