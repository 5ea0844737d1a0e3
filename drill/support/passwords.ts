import { normalPassword } from '../../packages/server/src/domain/password-policy.ts'
import type { Random } from './random.ts'

/** Pieces that passwords are put together from, a script or a trap a line. */
const PIECES: readonly [string, ...string[]][] = [
  ['a', 'Q', 'z', '7', '0', 'x'],
  ['-', '"', '\\', '$', '%', '{', ':', '\t', '\u0001', '\0'],
  [' ', '  ', '\u00a0', '\u3000'],
  ['é', 'e\u0301', 'ǖ', 'ΐ', 'ñ', 'Å', '\u212b'],
  ['ж', 'щ', 'Ё', 'λ', 'ς', 'Ω', '\u2126'],
  ['漢', '字', '각', '한', 'が', 'か\u3099', 'ｱ'],
  ['א', 'ש', 'ع', 'ﷲ', 'न', 'ก'],
  ['ﬁ', 'Ⅷ', '１', '²', '½', 'ｗ', '℡'],
  ['🐟', '👨‍👩‍👧', '🇧🇪', '𝔘', '𐍈'],
  ['İ', 'ı', 'ß', 'ẞ', '\u200b', '\u0307'],
]

const LENGTHS = [
  [12, 24],
  [24, 64],
  [64, 256],
  [256, 1024],
  [1024, 1024],
] as const

const MAX = 1024

/** A password that the policy takes: one to five scripts mixed, half of them from 64 to 1,024 characters long. */
export function newPassword(random: Random): string {
  const scripts = Array.from({ length: random.whole(1, 5) }, () => random.pick(PIECES as [[string]]))
  const [least, most] = random.pick(LENGTHS as unknown as [[number, number]])
  const wanted = random.whole(least, most)
  const characters: string[] = []
  for (let left = wanted; left > 0; ) {
    const piece = random.pick(random.pick(scripts as [[string]]))
    characters.push(piece)
    left -= Math.max(1, [...normalPassword(piece)].length)
  }
  for (;;) {
    const password = characters.join('')
    const length = [...normalPassword(password)].length
    if (length > MAX) characters.pop()
    else if (length < 12) characters.push(random.pick(PIECES[0] as [string]))
    else return password
  }
}

/** The same password as another keyboard or browser sends it. */
export function sameElsewhere(password: string, random: Random): string {
  return password.normalize(random.pick(['NFC', 'NFD', 'NFKC', 'NFKD']))
}

/** Another password, one character away from it. */
export function oneCharacterOff(password: string, random: Random): string {
  for (;;) {
    const characters = [...password]
    const at = random.pick([0, characters.length - 1, random.whole(0, characters.length - 1)])
    const character = characters[at] ?? ''
    const change = random.pick([
      () => characters.splice(at, 1),
      () => characters.splice(at, 0, character),
      () => characters.splice(at, 1, random.pick(random.pick(PIECES as [[string]]))),
      () => characters.splice(at, 1, character.toUpperCase()),
      () => characters.splice(at, 1, character.toLowerCase()),
      () => characters.splice(at, 2, characters[at + 1] ?? '', character),
      () => characters.push(' '),
      () => characters.unshift(' '),
    ])
    change()
    const other = characters.join('')
    if (normalPassword(other) !== normalPassword(password)) return other
  }
}
