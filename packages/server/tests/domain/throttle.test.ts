import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { canonicalAddress, isInNetworks, isNetwork } from '../../src/domain/address.ts'
import {
  ACCOUNT_LIMIT,
  ADDRESS_LIMIT,
  FORGOTTEN_AFTER_MS,
  forgiven,
  isCountedFirst,
  type Limit,
  type Throttle,
  waitOf,
  withoutTry,
  withTry,
} from '../../src/domain/throttle.ts'

const SECOND = 1_000
const DAY = 86_400 * SECOND

/** Tries whenever it may, looking so often; returns the moments of the tries. */
function guess(options: { every: number; for: number; limit: Limit }): number[] {
  const tries: number[] = []
  let throttle: Throttle | undefined
  for (let now = 0; now < options.for; now += options.every) {
    if (waitOf(throttle, now) > 0) continue
    throttle = withTry(throttle, options.limit, now)
    tries.push(now)
  }
  return tries
}

describe('waits after wrong passwords', () => {
  test('five are free, then the next may come after 2, 4, 8 … and at last 60 seconds', () => {
    let throttle: Throttle | undefined
    let now = 0
    const waits: number[] = []
    for (let tries = 0; tries < 12; tries++) {
      throttle = withTry(throttle, ACCOUNT_LIMIT, now)
      waits.push(waitOf(throttle, now) / SECOND)
      now = throttle.nextAt
      assert.equal(waitOf(throttle, now), 0)
    }
    assert.deepEqual(waits, [0, 0, 0, 0, 2, 4, 8, 16, 32, 60, 60, 60])
  })

  test('A4: with one try a second there are at most 1,500 a day, and ten in any minute', () => {
    const tries = guess({ every: SECOND, for: DAY, limit: ACCOUNT_LIMIT })
    assert.ok(tries.length > 1_000 && tries.length <= 1_500, `${tries.length} tries`)
    assert.ok(mostInAMinute(tries) <= 10, `${mostInAMinute(tries)} in a minute`)
  })

  test('A4: pausing until it is forgotten gives no more', () => {
    let throttle: Throttle | undefined
    const tries: number[] = []
    for (let now = 0; now < DAY; ) {
      // Nine in the first minute, then nothing until all is forgotten.
      for (let at = 0; at < 9; at++) {
        now += waitOf(throttle, now)
        throttle = withTry(throttle, ACCOUNT_LIMIT, now)
        tries.push(now)
      }
      now += FORGOTTEN_AFTER_MS
      assert.deepEqual(withTry(throttle, ACCOUNT_LIMIT, now).tries, 1)
    }
    assert.ok(tries.length <= 1_500, `${tries.length} tries`)
    assert.ok(mostInAMinute(tries) <= 10)
  })

  test('an address has more free ones, and forgets one every six seconds: many people stand behind it', () => {
    const tries = guess({ every: SECOND, for: 3_600 * SECOND, limit: ADDRESS_LIMIT })
    assert.ok(tries.slice(0, ADDRESS_LIMIT.free).every((at, nth) => at === nth * SECOND))
    const perMinute = mostInAMinute(tries.filter((at) => at > 600 * SECOND))
    assert.ok(perMinute <= 11, `${perMinute} a minute`)
  })

  test('an office whose people mistype now and then never waits, and is not waited for longer than seconds', () => {
    let throttle: Throttle | undefined
    for (let now = 0; now < DAY; now += 20 * SECOND) {
      assert.equal(waitOf(throttle, now), 0)
      throttle = withTry(throttle, ADDRESS_LIMIT, now)
    }
    assert.ok((throttle?.tries ?? 0) < 3)
    let full: Throttle | undefined
    for (let at = 0; at < 1_000; at++) full = withTry(full, ADDRESS_LIMIT, 0)
    assert.equal(waitOf(full, 0), 6_000)
  })

  test('a wait that a clock far ahead has noted holds nobody up', () => {
    const ahead = withTry({ tries: 9, lastAt: DAY, nextAt: DAY }, ACCOUNT_LIMIT, DAY)
    assert.equal(waitOf(ahead, DAY), 60_000)
    assert.equal(waitOf(ahead, 0), 0)
    // Of two nodes whose clocks differ a little each sees the other's wait.
    assert.equal(waitOf(ahead, DAY - 5_000), 60_000)
  })

  test('a try is counted before it is hashed where one was wrong before; from an address, where it may have to wait', () => {
    const tried = (tries: number): Throttle => ({ tries, lastAt: 0, nextAt: 0 })
    assert.deepEqual(
      [undefined, tried(0), tried(1)].map((each) => isCountedFirst(each, ACCOUNT_LIMIT, 0)),
      [false, false, true],
    )
    assert.deepEqual(
      [undefined, tried(99), tried(100)].map((each) => isCountedFirst(each, ADDRESS_LIMIT, 0)),
      [false, false, true],
    )
    assert.equal(isCountedFirst(tried(7), ACCOUNT_LIMIT, FORGOTTEN_AFTER_MS), false)
  })

  test('a try taken back leaves what was before, unless others came after it', () => {
    const before = { tries: 7, lastAt: 5, nextAt: 9 }
    const after = withTry(before, ACCOUNT_LIMIT, 10)
    assert.deepEqual(withoutTry(after, { before, after }), before)
    const later = withTry(after, ACCOUNT_LIMIT, 20)
    assert.deepEqual(withoutTry(later, { before, after }), { ...later, tries: later.tries - 1 })
  })

  test('the right password forgives, but gives whoever guesses no five new tries', () => {
    assert.deepEqual(forgiven({ tries: 12, lastAt: 5, nextAt: 9 }, ACCOUNT_LIMIT), { tries: 4, lastAt: 5, nextAt: 9 })
    assert.deepEqual(forgiven({ tries: 2, lastAt: 5, nextAt: 9 }, ACCOUNT_LIMIT).tries, 2)
    // The owner signs in once an hour while somebody guesses all day.
    let throttle: Throttle | undefined
    const tries: number[] = []
    for (let now = 0; now < DAY; now += SECOND) {
      if (waitOf(throttle, now) > 0) continue
      if (throttle && Math.floor(now / 3_600_000) > Math.floor((tries.at(-1) ?? 0) / 3_600_000))
        throttle = forgiven(throttle, ACCOUNT_LIMIT)
      throttle = withTry(throttle, ACCOUNT_LIMIT, now)
      tries.push(now)
    }
    assert.ok(mostInAMinute(tries) <= 10, `${mostInAMinute(tries)} in a minute`)
  })
})

function mostInAMinute(tries: readonly number[]): number {
  let most = 0
  let from = 0
  for (const [to, at] of tries.entries()) {
    while ((tries[from] ?? 0) <= at - 60 * SECOND) from++
    most = Math.max(most, to - from + 1)
  }
  return most
}

describe('addresses', () => {
  const FORMS: [typed: string, canonical: string | undefined][] = [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002:ffff::', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['fe80::1%eth0', undefined],
    ['fe80::1%br-1', undefined],
    ['::1', '::/64'],
    ['192.0.2', undefined],
    ['192.0.2.7.', undefined],
    ['0x7f.1', undefined],
    ['192.0.2.007', undefined],
    ['192.0.2.7, 10.0.0.1', undefined],
    ['192.0.2.7:443', undefined],
    ['[2001:db8::1]', undefined],
    ['localhost', undefined],
    ['', undefined],
  ]
  for (const [typed, canonical] of FORMS) {
    test(`"${typed}" is ${canonical ?? 'none'}`, () => assert.equal(canonicalAddress(typed), canonical))
  }

  test('a network holds its own addresses and no others', () => {
    const networks = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1']
    for (const network of networks) assert.ok(isNetwork(network), network)
    for (const inside of ['10.255.0.1', '::ffff:10.0.0.1', '192.0.2.7', '2001:db8:ffff::1', '::1'])
      assert.ok(isInNetworks(inside, networks), inside)
    for (const outside of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '::2', 'x', '', '::ffff:11.0.0.1'])
      assert.ok(!isInNetworks(outside, networks), outside)
    assert.ok(isInNetworks('192.0.2.1', ['0.0.0.0/0']))
    assert.ok(!isInNetworks('192.0.2.1', ['::/0']))
    assert.ok(isInNetworks('fe80::1%br-1', ['fe80::/10']))
    for (const wrong of [
      '10.0.0.0/33',
      '10.0.0/8',
      '10.0.0.0/8/8',
      'x/8',
      '',
      '2001:db8::/129',
      '10.0.0.0/',
      'fe80::1%br-1',
      '::ffff:10.0.0.0/104',
    ])
      assert.ok(!isNetwork(wrong), wrong)
  })
})
