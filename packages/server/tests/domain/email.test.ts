import assert from 'node:assert/strict'
import { test } from 'node:test'
import { domainToUnicode } from 'node:url'
import fc from 'fast-check'
import { canonicalEmail } from '../../src/domain/email.ts'

const GOOD: [typed: string, account: string][] = [
  ['anna@acme.test', 'anna@acme.test'],
  ['Anna@ACME.Test', 'anna@acme.test'],
  ['  anna@acme.test\n', 'anna@acme.test'],
  ['anna.ames@acme.test', 'anna.ames@acme.test'],
  ['anna+crm@acme.test', 'anna+crm@acme.test'],
  ["o'neil@acme.test", "o'neil@acme.test"],
  ['a@b.co', 'a@b.co'],
  ['a_b-c=d@acme.test', 'a_b-c=d@acme.test'],
  ['!#$%&*/?^`{|}~@acme.test', '!#$%&*/?^`{|}~@acme.test'],
  ['root@localhost', 'root@localhost'],
  ['anna@mail.4u.acme.test', 'anna@mail.4u.acme.test'],
  ['anna@123.test', 'anna@123.test'],
  ['anna@r5---sn.acme.test', 'anna@r5---sn.acme.test'],
  ['anna@straße.example', 'anna@xn--strae-oqa.example'],
  ['anna@bücher.example', 'anna@xn--bcher-kva.example'],
  ['anna@BÜCHER.example', 'anna@xn--bcher-kva.example'],
  ['anna@xn--bcher-kva.example', 'anna@xn--bcher-kva.example'],
  ['anna@例え.テスト', 'anna@xn--r8jz45g.xn--zckzah'],
  [`${'a'.repeat(64)}@acme.test`, `${'a'.repeat(64)}@acme.test`],
  [
    `anna@${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(17)}`,
    `anna@${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(17)}`,
  ],
]

test('good addresses stay, in one spelling', () => {
  for (const [typed, account] of GOOD) {
    assert.equal(canonicalEmail(typed), account, typed)
    assert.equal(canonicalEmail(account), account, 'the spelling of an account names that account')
  }
})

const REFUSED: [why: string, typed: string][] = [
  ['nothing', ''],
  ['blanks', ' \t '],
  ['no @', 'anna.acme.test'],
  ['nothing before the @', '@acme.test'],
  ['nothing after it', 'anna@'],
  ['two of them', 'anna@acme@acme.test'],
  ['one that looks like it', 'anna＠acme.test'],
  ['a blank inside', 'anna ames@acme.test'],
  ['a blank beside the @', 'anna @acme.test'],
  ['… on its other side', 'anna@ acme.test'],
  ['a line break', 'anna\n@acme.test'],
  ['… that a URL would swallow', 'anna@ac\nme.test'],
  ['a tab', 'anna@acme\t.test'],
  ['a zero byte', 'anna\0@acme.test'],
  ['a dot in front', '.anna@acme.test'],
  ['a dot at the end', 'anna.@acme.test'],
  ['two dots', 'anna..ames@acme.test'],
  ['a dot at the end of the domain', 'anna@acme.test.'],
  ['a dot in front of it', 'anna@.acme.test'],
  ['two dots in it', 'anna@acme..test'],
  ['quotes', '"anna"@acme.test'],
  ['a comment', 'anna(crm)@acme.test'],
  ['… after the domain', 'anna@acme.test(crm)'],
  ['a name beside the address', 'Anna <anna@acme.test>'],
  ['two addresses', 'anna@acme.test,bert@acme.test'],
  ['a header in it', 'anna@acme.test\r\nBcc: bert@acme.test'],
  ['a letter that is none of ASCII before the @', 'änna@acme.test'],
  ['the Kelvin sign, which becomes a k in small letters', 'an\u212aa@acme.test'],
  ['a dotted capital I, which becomes two characters', 'k\u0130rk@acme.test'],
  ['a label that starts with a hyphen', 'anna@-acme.test'],
  ['… that ends with one', 'anna@acme-.test'],
  ['an underscore in the domain', 'anna@ac_me.test'],
  ['a path', 'anna@acme.test/crm'],
  ['… as on Windows', 'anna@acme.test\\crm'],
  ['a question', 'anna@acme.test?subject=crm'],
  ['a fragment', 'anna@acme.test#crm'],
  ['a port', 'anna@acme.test:25'],
  ['an escape', 'anna@acme%2Etest'],
  ["a machine's address", 'anna@127.0.0.1'],
  ['… in another spelling', 'anna@0x7f.1'],
  ['… in brackets', 'anna@[127.0.0.1]'],
  ['… as IPv6', 'anna@[::1]'],
  ['punycode of plain letters', 'anna@xn--acme-.test'],
  ['punycode that is none', 'anna@xn--a.test'],
  ['… of nothing', 'anna@xn--.test'],
  ['a local part over 64', `${'a'.repeat(65)}@acme.test`],
  ['a label over 63', `anna@${'a'.repeat(64)}.test`],
  ['an address over 150', `anna@${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(18)}`],
  ['very much', `anna@${'a.'.repeat(100_000)}test`],
  ['very much before the @', `${'a.'.repeat(100_000)}a@acme.test`],
]

test('what is no address is refused', () => {
  for (const [why, typed] of REFUSED) assert.equal(canonicalEmail(typed), undefined, why)
})

// I5: an address, and another that a person or a program could take for it.
const LOCALS = ['anna', 'kirk.sisko', 'o.ames', 'crm+ops', 'i_k-s', 'peek', 'x1']
const DOMAINS = [
  'acme.test',
  'kiosk.example',
  'bücher.example',
  'straße.example',
  'mail.sisko.test',
  'éclair.test',
  '例え.テスト',
]
const INVISIBLE = [
  '\u200b',
  '\u200c',
  '\u200d',
  '\u2060',
  '\ufeff',
  '\u00ad',
  '\u034f',
  '\u180e',
  '\ufe0f',
  '\u202e',
  '\u{e0061}',
  '\u0000',
]
const BLANKS = [' ', '\t', '\n', '\r\n', '\u00a0', '\u2003', '\u3000', '\ufeff', '\u2028']
const LOOKALIKES: Record<string, string[]> = {
  a: ['а', 'ɑ', 'α', 'ａ', '𝐚', 'ⓐ', 'á', 'ª'],
  c: ['с', 'ϲ', 'ｃ', '𝖼', 'ç'],
  e: ['е', 'ｅ', '𝚎', 'ė', 'ℯ'],
  i: ['і', 'ı', 'İ', 'ｉ', 'ⅰ', 'ï', 'i̇'],
  k: ['\u212a', 'к', 'ｋ', '𝓴'],
  m: ['м', 'ｍ', 'ⅿ', 'ṁ'],
  n: ['ո', 'ｎ', 'ñ', 'ⁿ'],
  o: ['о', 'ο', 'օ', 'ｏ', 'º', 'ö', '𝑜'],
  p: ['р', 'ρ', 'ｐ'],
  r: ['г', 'ｒ', 'ᵣ'],
  s: ['ѕ', 'ſ', 'ｓ', 'ß', 'š'],
  x: ['х', 'χ', 'ｘ', '×'],
  '1': ['１', '¹', '①', '𝟏'],
  '.': ['。', '．', '｡', '․', '…', '·'],
  '+': ['＋', '﬩'],
  '-': ['‐', '－', '−', '­-'],
  _: ['＿', '‗'],
}
/** In a domain these are the same letters to the naming system (UTS 46), other look-alikes are other names. */
const SAME_IN_DOMAIN: Record<string, string[]> = {
  a: ['ａ', 'ⓐ', '𝐚', 'A', 'ª'],
  c: ['ｃ', '𝖼', 'C'],
  e: ['ｅ', 'ℯ', '𝚎', 'E'],
  i: ['ｉ', 'ⅰ', 'I'],
  k: ['\u212a', 'ｋ', '𝓴', 'K'],
  m: ['ｍ', 'ⅿ', 'M'],
  o: ['ｏ', 'º', '𝑜', 'O'],
  s: ['ｓ', 'ſ', 'S'],
  t: ['ｔ', 'T'],
  ü: ['Ü', 'u\u0308', 'U\u0308'],
  é: ['É', 'e\u0301'],
  ß: ['ẞ'],
  '.': ['。', '．', '｡'],
}

type Twist = (local: string, domain: string, at: number, which: number) => string

const insert = (text: string, at: number, what: string) => {
  const place = at % (text.length + 1)
  return text.slice(0, place) + what + text.slice(place)
}
const swap = (text: string, at: number, which: number, table: Record<string, string[]>) => {
  const places = [...text].flatMap((letter, place) => (table[letter] ? [place] : []))
  const place = places[at % places.length]
  return [...text].map((letter, each) => (each === place ? choose(table[letter] ?? [letter], which) : letter)).join('')
}
const choose = (from: readonly string[], which: number) => from[which % from.length] ?? ''
const someUpper = (text: string, bits: number) =>
  [...text].map((letter, at) => ((bits >> (at % 8)) & 1 ? letter.toUpperCase() : letter)).join('')

const TWISTS: Record<string, Twist> = {
  'the same once more': (local, domain) => `${local}@${domain}`,
  'capitals before the @': (local, domain, at) => `${someUpper(local, at)}@${domain}`,
  'capitals in the domain': (local, domain, at) => `${local}@${someUpper(domain.replace('ß', 'ẞ'), at)}`,
  'blanks around': (local, domain, at, which) => `${choose(BLANKS, at)}${local}@${domain}${choose(BLANKS, which)}`,
  'a blank before the @': (local, domain, at, which) => `${insert(local, at, choose(BLANKS, which))}@${domain}`,
  'a blank in the domain': (local, domain, at, which) => `${local}@${insert(domain, at, choose(BLANKS, which))}`,
  'a look-alike before the @': (local, domain, at, which) => `${swap(local, at, which, LOOKALIKES)}@${domain}`,
  'the same letter of another kind in the domain': (local, domain, at, which) =>
    `${local}@${swap(domain, at, which, SAME_IN_DOMAIN)}`,
  'something invisible before the @': (local, domain, at, which) =>
    `${insert(local, at, choose(INVISIBLE, which))}@${domain}`,
  'something invisible in the domain': (local, domain, at, which) =>
    `${local}@${insert(domain, at, choose(INVISIBLE, which))}`,
  'something invisible around': (local, domain, at, which) =>
    at % 2 ? `${choose(INVISIBLE, which)}${local}@${domain}` : `${local}@${domain}${choose(INVISIBLE, which)}`,
  'dots at an end': (local, domain, at) =>
    choose(
      [
        `${local}@${domain}.`,
        `${local}@${domain}..`,
        `${local}.@${domain}`,
        `.${local}@${domain}`,
        `${local}@.${domain}`,
      ],
      at,
    ),
  'two dots': (local, domain, at) =>
    choose([`${local}@${domain.replace('.', '..')}`, `${local.replace('.', '..')}.@${domain}`], at),
  'the other form of a name': (local, domain, at) =>
    `${local}@${choose([ascii(domain), ascii(domain).toUpperCase(), domainToUnicode(ascii(domain)), domain.normalize('NFD')], at)}`,
  'punycode where there is none to write': (local, domain, at) =>
    `${local}@${choose(['xn--', 'XN--', 'xN--'], at)}${domain.replace('.', '-.')}`,
  'all of full width': (local, domain, at) =>
    choose(
      [`${wide(local)}@${domain}`, `${local}@${wide(domain)}`, `${local}＠${domain}`, wide(`${local}@${domain}`)],
      at,
    ),
  'another spelling of mail': (local, domain, at) =>
    choose(
      [
        `"${local}"@${domain}`,
        `${local}(x)@${domain}`,
        `(x)${local}@${domain}`,
        `<${local}@${domain}>`,
        `mailto:${local}@${domain}`,
        `Anna <${local}@${domain}>`,
        `\\${local}@${domain}`,
      ],
      at,
    ),
  'what a URL would drop': (local, domain, at, which) =>
    `${local}@${domain}${choose(['/', '?', '#', '\\', ':', ':80', '/x', '%20'], at + which)}`,
  'an escape': (local, domain, at) => {
    const place = at % domain.length
    return `${local}@${domain.slice(0, place)}${encodeURIComponent(domain.slice(place)).replace(/^\w/, escaped)}`
  },
}

function ascii(domain: string): string {
  return canonicalEmail(`a@${domain}`)?.slice(2) ?? ''
}

function escaped(letter: string): string {
  return `%${letter.charCodeAt(0).toString(16)}`
}

function wide(text: string): string {
  return [...text]
    .map((letter) => (/[!-~]/.test(letter) ? String.fromCodePoint(letter.charCodeAt(0) + 0xfee0) : letter))
    .join('')
}

const PAIRS = 500

test(`I5: ${PAIRS} confusable pairs of each kind, and no second account`, () => {
  for (const [kind, twist] of Object.entries(TWISTS)) {
    let differing = 0
    fc.assert(
      fc.property(
        fc.constantFrom(...LOCALS),
        fc.constantFrom(...DOMAINS),
        fc.nat(255),
        fc.nat(99),
        (local, domain, at, which) => {
          const account = canonicalEmail(`${local}@${domain}`)
          assert.ok(account !== undefined, `${local}@${domain} is a good address`)
          const twin = twist(local, domain, at, which)
          if (twin !== `${local}@${domain}`) differing += 1
          const other = canonicalEmail(twin)
          assert.ok(
            other === undefined || other === account,
            `${kind}: ${JSON.stringify(twin)} has the account ${other} beside ${account}`,
          )
        },
      ),
      { numRuns: PAIRS },
    )
    if (kind !== 'the same once more') assert.ok(differing > PAIRS / 4, `${kind}: only ${differing} pairs differ`)
  }
})

test('two looks of one name are one account and both come in: case, blanks, letters of another kind in the domain', () => {
  for (const kind of [
    'capitals before the @',
    'blanks around',
    'the same letter of another kind in the domain',
    'the other form of a name',
  ]) {
    const twist = TWISTS[kind]
    assert.ok(twist)
    for (const local of LOCALS) {
      for (const domain of DOMAINS) {
        for (let at = 0; at < 12; at += 1) {
          assert.equal(
            canonicalEmail(twist(local, domain, at, at)),
            canonicalEmail(`${local}@${domain}`),
            twist(local, domain, at, at),
          )
        }
      }
    }
  }
})

test('a domain in look-alikes is another domain, and shows that: it is kept in punycode', () => {
  assert.equal(canonicalEmail('anna@аcme.test'), 'anna@xn--cme-5cd.test')
})

test('an address that differs is another account', () => {
  const different = [
    'anna@acme.test',
    'ana@acme.test',
    'an.na@acme.test',
    'anna+x@acme.test',
    'anna@acme.example',
    'anna@mail.acme.test',
  ]
  assert.equal(new Set(different.map(canonicalEmail)).size, different.length)
})

test('whatever is typed, the account has one plain spelling, which names it again', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary-ascii' }),
  )
  const typed = fc.oneof(
    text,
    fc.tuple(text, text).map(([local, domain]) => `${local}@${domain}`),
    fc.tuple(fc.constantFrom(...LOCALS), text).map(([local, domain]) => `${local}@${domain}`),
    fc
      .tuple(fc.constantFrom(...LOCALS), text, text)
      .map(([local, left, right]) => `${local}@${left}.xn--${right}.test`),
    fc.emailAddress(),
  )
  let accounts = 0
  fc.assert(
    fc.property(typed, (address) => {
      const account = canonicalEmail(address)
      if (account === undefined) return
      accounts += 1
      assert.match(account, /^[!-~]+@[a-z0-9.-]+$/)
      assert.equal(account, account.toLowerCase())
      assert.ok(account.length <= 150)
      assert.equal(canonicalEmail(account), account)
      assert.equal(canonicalEmail(` ${account.toUpperCase()} `), account)
      const [local, domain] = account.split('@')
      assert.equal(canonicalEmail(`${local}@${domainToUnicode(domain ?? '')}`), account)
    }),
    { numRuns: 20_000 },
  )
  assert.ok(accounts > 1000, `only ${accounts} were addresses`)
})
