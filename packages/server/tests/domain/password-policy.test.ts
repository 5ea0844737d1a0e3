import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  isHashable,
  normalPassword,
  PASSWORD_MAX_LENGTH,
  PASSWORD_MIN_FLOOR,
  passwordFault,
} from '../../src/domain/password-policy.ts'

const COMMON = new Set(['password1234', 'qwertyuiop12', 'correct horse battery'])
const SHORT = 'must have at least 12 characters'
const LONG = 'must have at most 1024 characters'
const KNOWN = 'is one of the most common passwords: choose another'
const BROKEN = 'has a broken character (a lone surrogate)'

const ROWS: [sentence: string, password: string, fault: string | undefined][] = [
  ['twelve characters will do', 'a1b2c3d4e5f6', undefined],
  ['… eleven will not', 'a1b2c3d4e5f', SHORT],
  ['nothing is too short', '', SHORT],
  ['no capitals, digits or signs are asked for', 'onlysmallletters', undefined],
  ['a sentence with blanks will do', 'the cat sat on the mat', undefined],
  ['blanks at its ends belong to it', ' 1234567890 ', undefined],
  ['characters count, not what they are stored in: twelve signs', '🐟🐠🐡🦈🐙🦑🦐🦞🦀🐚🪸🐳', undefined],
  ['… eleven', '🐟🐠🐡🦈🐙🦑🦐🦞🦀🐚🪸', SHORT],
  ['any script will do', 'пароль на двоих', undefined],
  ['an accent typed apart is one character with its letter', 'e\u0301'.repeat(11), SHORT],
  ['… and twelve of these are twelve', 'e\u0301'.repeat(12), undefined],
  ['1024 characters will do', 'x'.repeat(1024), undefined],
  ['… 1025 are refused, never cut', 'x'.repeat(1025), LONG],
  ['1024 characters with their accents typed apart will do', 'e\u0301'.repeat(1024), undefined],
  ['… 1025 are refused', 'e\u0301'.repeat(1025), LONG],
  ['characters that fall apart count as what they become', '\ufdfa'.repeat(100), LONG],
  ['a common one is refused', 'password1234', KNOWN],
  ['… in capitals', 'PassWord1234', KNOWN],
  ['… of full width', 'ｐａｓｓｗｏｒｄ１２３４', KNOWN],
  ['… and taken with one more character', 'password12345', undefined],
  ['… with blanks of another kind', 'correct\u00a0horse\u3000battery', KNOWN],
  ['half a character is none', 'a1b2c3d4e5f6\ud83d', BROKEN],
  ['… the other half neither', '\udc1fa1b2c3d4e5f6', BROKEN],
  ['control characters are characters', 'a\0b\tc\nd1e2f3', undefined],
]

for (const [sentence, password, fault] of ROWS) {
  test(`password: ${sentence}`, () => {
    assert.equal(passwordFault(password, 12, COMMON), fault)
    if (fault === undefined) assert.ok(isHashable(password), 'what may be chosen can be used to sign in')
  })
}

test('a house may ask for less, down to eight characters, or for more', () => {
  assert.equal(PASSWORD_MIN_FLOOR, 8)
  assert.equal(passwordFault('12345 78', PASSWORD_MIN_FLOOR, COMMON), undefined)
  assert.equal(passwordFault('12345 7', PASSWORD_MIN_FLOOR, COMMON), 'must have at least 8 characters')
  assert.equal(passwordFault('a1b2c3d4e5f6', 16, COMMON), 'must have at least 16 characters')
})

test('what can be hashed at all: well-formed, not empty, 1024 characters in one of its forms', () => {
  assert.ok(!isHashable(''))
  assert.ok(isHashable('x'))
  assert.ok(isHashable('🐟'.repeat(PASSWORD_MAX_LENGTH)))
  assert.ok(!isHashable('🐟'.repeat(PASSWORD_MAX_LENGTH + 1)))
  assert.ok(!isHashable('a\ud83d'))
  // An imported hash is of what was typed, however long its NFKC form is.
  assert.ok(isHashable('\ufdfa'.repeat(PASSWORD_MAX_LENGTH)))
  assert.ok(!isHashable('\ufdfa'.repeat(PASSWORD_MAX_LENGTH + 1)))
})

test('A1: a password that may be chosen signs in from every keyboard, in each form that it can be typed in', () => {
  const unit = fc.oneof(
    fc.constantFrom('é', 'e\u0301', 'ΐ', 'ǖ', '각', 'ﬁ', '１', '\u212a', ' ', '🐟', '👨‍👩‍👧'),
    fc.string({ minLength: 1, maxLength: 1, unit: 'grapheme' }),
  )
  const password = fc.oneof(
    fc.array(unit, { maxLength: 40 }).map((units) => units.join('')),
    // Around the longest.
    fc.tuple(unit, fc.integer({ min: 250, max: 1030 })).map(([each, times]) => each.repeat(times)),
  )
  let chosen = 0
  fc.assert(
    fc.property(password, (typed) => {
      if (passwordFault(typed, PASSWORD_MIN_FLOOR, COMMON) !== undefined) return
      chosen += 1
      for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD'] as const) {
        const elsewhere = typed.normalize(form)
        assert.ok(isHashable(elsewhere), form)
        assert.equal(normalPassword(elsewhere), normalPassword(typed), form)
      }
    }),
    { numRuns: 2000 },
  )
  assert.ok(chosen > 500, `only ${chosen} would do`)
})

test('nothing but its form is changed: no trimming, no folding of case', () => {
  for (const password of [' a ', 'A', 'ß', 'İ', 'a\u200bb', 'a\0']) assert.equal(normalPassword(password), password)
  assert.notEqual(normalPassword('Secret'), normalPassword('secret'))
})
