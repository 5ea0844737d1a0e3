import assert from 'node:assert/strict'
import { argon2Sync } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../../src/errors.ts'
import { signIn } from '../support/calls.ts'
import { ACME, SMALL_HOUSE, user } from '../support/house.ts'
import { FOREIGN, IMPORTED, REFUSED_STRINGS, SALT } from '../support/password-strings.ts'
import { databases, startServer, type TestServer } from '../support/server.ts'

// The passwords of 10,000 are a drill (`npm run drill`); these are the shapes they come in.
const FIXED = [
  'eight ch',
  'with  two  blanks',
  ' blanks around ',
  '\tand a tab\t',
  'Pässwörd mit Ümläuten',
  'пароль из десяти',
  '密码密码密码密码密码密码',
  '👩‍👩‍👧‍👦 a family 👩🏽‍🚀',
  'quotes \'"`; drop table users --',
  '{"username":"x"}',
  '%00 %s $x {{x}} \\',
  'a NUL \0 within',
  'null and undefined',
  `${'a'.repeat(63)}b`,
  'correct horse '.repeat(6),
  `${'x'.repeat(72)}counts after 72 bytes`,
  `${'z'.repeat(1023)}!`,
  `${'é'.repeat(1023)}!`,
  '😀'.repeat(1024),
]

const generated = fc.sample(
  fc.string({ unit: 'grapheme', minLength: 64, maxLength: 200 }).filter((text) => length(text) <= 1024),
  { numRuns: 8, seed: 2026 },
)

function length(text: string): number {
  return [...text.normalize('NFKC')].length
}

/** One character more, less, or another; never an equal spelling. */
function changedByOne(password: string, at: number): string {
  const characters = [...password]
  const index = (at * 7) % characters.length
  const variants = [
    characters.toSpliced(index, 1),
    characters.toSpliced(index, 0, 'q'),
    characters.toSpliced(index, 1, characters[index] === 'q' ? 'w' : 'q'),
    characters.slice(0, -1),
    [...characters, ' '],
    [' ', ...characters],
  ]
  return variants[at % variants.length]?.join('') ?? ''
}

/** What one keyboard sends and another does not; the same text by NFKC. */
const SPELLINGS: [string, string][] = [
  ['Ångström und Öre', 'A\u030angstro\u0308m und O\u0308re'],
  ['ﬁnes ﬂußwaßer', 'fines flußwaßer'],
  ['ｆｕｌｌ　ｗｉｄｔｈ　１２３', 'full width 123'],
  ['ohm Ω kelvin K ångström Å', 'ohm \u2126 kelvin \u212a ångström \u212b'],
  ['x² + y³ = ½ of it', 'x2 + y3 = 1⁄2 of it'],
  ['no\u00a0break\u00a0blanks', 'no break blanks'],
  ['ｶﾀｶﾅ katakana', 'カタカナ katakana'],
  ['한글 비밀번호 하나', '한글 비밀번호 하나'.normalize('NFD')],
  ['Tiếng Việt là ngôn ngữ', 'Tiếng Việt là ngôn ngữ'.normalize('NFD')],
  ['tel ℡ number № and ™', 'tel TEL number No and TM'],
  ['circled ① ② ③ ways', 'circled 1 2 3 ways'],
  ['roman Ⅻ and Ⅷ more', 'roman XII and VIII more'],
  ['dots… and more dots', 'dots... and more dots'],
  ['math 𝐛𝐨𝐥𝐝 letters', 'math bold letters'],
  [`long ${'é'.repeat(1000)}`, `long ${'e\u0301'.repeat(1000)}`],
  ...[
    'Åsa',
    'Zoë',
    'Noël',
    'Sörën',
    'Lúkasz',
    'Çağrı',
    'Škoda',
    'naïve',
    'façade',
    'crème',
    'ñandú',
    'ếch',
    'ÿ',
    'ǖ',
    'ḱ',
  ].map((word): [string, string] => [
    `${word} walks the dog`.normalize('NFC'),
    `${word} walks the dog`.normalize('NFD'),
  ]),
]

const seat = { companies: [{ company: ACME, grants: [{ application: 'crm' }] }] }

for (const database of databases) {
  describe(`passwords, on ${database}`, () => {
    let server: TestServer
    before(async () => {
      server = await startServer(database, { house: SMALL_HOUSE, env: { LICENSE_PASSWORD_MIN_LENGTH: '8' } })
    })
    after(() => server[Symbol.asyncDispose]())

    const stored = async (email: string) => {
      const query = server.ctx.db.read.selectFrom('users').select(['password_hash', 'password_foreign'])
      return { ...(await query.where('email', '=', email).executeTakeFirstOrThrow()) }
    }

    test('the right one works, one character more, less or another never does', async () => {
      const passwords = [...FIXED, ...generated]
      await server.seed({
        users: passwords.map((password, at) => ({ email: `right${at}@acme.test`, password, ...seat })),
      })
      const salts = new Set<string>()
      const tryBoth = async (password: string, at: number) => {
        const email = `right${at}@acme.test`
        const wrong = changedByOne(password, at)
        assert.notEqual(wrong.normalize('NFKC'), password.normalize('NFKC'))
        const [right, refused] = [await signIn(server, email, password), await signIn(server, email, wrong)]
        assert.equal(right.status, 200, `${JSON.stringify(password)}: ${right.text}`)
        assert.equal(refused.status, 401, `${JSON.stringify(wrong)} instead of ${JSON.stringify(password)}`)
        salts.add(assertStrong((await stored(email)).password_hash))
      }
      await Promise.all(passwords.map(tryBoth))
      assert.equal(salts.size, passwords.length)
    })

    test('the same text is the same password, however the keyboard spells it', async () => {
      assert.ok(SPELLINGS.length >= 30)
      await server.seed({
        users: SPELLINGS.map(([password], at) => ({ email: `spelled${at}@acme.test`, password, ...seat })),
      })
      for (const [at, [password, spelling]] of SPELLINGS.entries()) {
        assert.notEqual(spelling, password)
        const { status } = await signIn(server, `spelled${at}@acme.test`, spelling)
        assert.equal(status, 200, `${JSON.stringify(spelling)} for ${JSON.stringify(password)}`)
      }
      // What only looks alike is another one.
      assert.equal((await signIn(server, 'spelled0@acme.test', 'Angstrom und Ore')).status, 401)
      assert.equal((await signIn(server, 'spelled0@acme.test', 'ångström und öre')).status, 401)
    })

    test('a password over the longest that we keep is a wrong one, not an error', async () => {
      await server.seed({ users: [{ email: 'long@acme.test', password: 'y'.repeat(1024), ...seat }] })
      assert.equal((await signIn(server, 'long@acme.test', 'y'.repeat(1024))).status, 200)
      assert.equal((await signIn(server, 'long@acme.test', 'y'.repeat(1025))).status, 401)
      assert.equal((await signIn(server, 'long@acme.test', 'y'.repeat(10_000))).status, 401)
    })

    // A refusal is mostly waiting.
    describe('of other systems', { concurrency: true }, () => {
      for (const [scheme, hash] of Object.entries(FOREIGN)) {
        test(`${scheme}: verified as received, and one of ours after one sign-in`, async () => {
          const email = `${Object.keys(FOREIGN).indexOf(scheme)}@imported.test`
          await server.seed({ users: [user(email, { password_hash: hash, ...seat })] })
          assert.deepEqual(await stored(email), { password_hash: hash, password_foreign: 1 })

          // Neither a wrong one nor another spelling, which the other system would not have taken; and neither changes anything.
          for (const wrong of ['Passwörd für Ünal 12', IMPORTED.normalize('NFD'), `${IMPORTED} `, '', hash]) {
            assert.equal((await signIn(server, email, wrong)).status, 401, JSON.stringify(wrong))
          }
          await server.lift()
          assert.deepEqual(await stored(email), { password_hash: hash, password_foreign: 1 })

          assert.equal((await signIn(server, email, IMPORTED)).status, 200)
          const upgraded = await stored(email)
          assertStrong(upgraded.password_hash)
          assert.equal(upgraded.password_foreign, 0)

          assert.equal((await signIn(server, email, IMPORTED.normalize('NFD'))).status, 200)
          assert.equal((await signIn(server, email, 'Passwörd für Ünal 12')).status, 401)
          assert.deepEqual(await stored(email), upgraded)
        })
      }
    })

    test('many first sign-ins at once with an imported password are all right', async () => {
      const email = 'at-once@imported.test'
      await server.seed({ users: [user(email, { password_hash: FOREIGN.argon2id ?? '', ...seat })] })
      const replies = await Promise.all(Array.from({ length: 8 }, () => signIn(server, email, IMPORTED)))
      assert.deepEqual(
        replies.map(({ status }) => status),
        Array(8).fill(200),
      )
      assertStrong((await stored(email)).password_hash)
    })

    test('one of ours that is weaker than today is made anew by one sign-in', async () => {
      const email = 'weak@acme.test'
      await server.seed({ users: [{ email, password: 'an old password', ...seat }] })
      const { password_hash: strong } = await stored(email)
      const digest = argon2Sync('argon2id', {
        message: 'an old password',
        nonce: SALT,
        parallelism: 1,
        tagLength: 32,
        memory: 4096,
        passes: 3,
      })
      const weak = `$argon2id$v=19$m=4096,t=3,p=1$${SALT.toString('base64').replace(/=+$/, '')}$${digest.toString('base64').replace(/=+$/, '')}`
      await server.ctx.db.transaction((tx) =>
        tx.updateTable('users').set({ password_hash: weak }).where('email', '=', email).execute(),
      )
      assert.equal((await signIn(server, email, 'a wrong password')).status, 401)
      assert.equal((await stored(email)).password_hash, weak)
      assert.equal((await signIn(server, email, 'an old password')).status, 200)
      const { password_hash: anew } = await stored(email)
      assertStrong(anew)
      assert.notEqual(anew, strong)
      // One that is strong enough stays as it is.
      assert.equal((await signIn(server, email, 'an old password')).status, 200)
      assert.equal((await stored(email)).password_hash, anew)
    })

    test('strings that would cost too much, or are none, are refused when they are imported', async () => {
      const refused = [...REFUSED_STRINGS, '!unusable', '']
      const users = refused.map((password_hash, at) => user(`refused${at}@imported.test`, { password_hash }))
      const error = await server.seed({ users }).then(
        () => assert.fail('taken'),
        (thrown: unknown) => thrown,
      )
      assert.ok(error instanceof AppError)
      assert.deepEqual(
        new Set(error.faults.map(({ path }) => path)),
        new Set(refused.map((_, at) => `/users/${at}/password_hash`)),
      )
      // A string is near to a password: it is not repeated.
      for (const { message } of error.faults) assert.ok(!message.includes('seasalt') && !message.includes('plain'))
    })

    test('a user without a password can not sign in, whatever is sent', async () => {
      await server.seed({ users: [{ email: 'none@acme.test', ...seat }] })
      for (const password of ['', 'null', 'undefined', ' ', 'no account has this password', 'x'.repeat(1024)]) {
        assert.equal((await signIn(server, 'none@acme.test', password)).status, 401, password)
        await server.lift()
      }
    })

    test('nobody learns from the answer to a wrong password who exists', async () => {
      await server.seed({
        users: [
          { email: 'known@who.test', password: 'a password that is known', ...seat },
          { email: 'disabled@who.test', password: 'a password that is known', active: false, ...seat },
          { email: 'outside@who.test', password: 'a password that is known' },
          { email: 'operator@who.test', password: 'a password that is known', operator: true },
          { email: 'no-password@who.test', ...seat },
          ...Object.values(FOREIGN).map((password_hash, at) =>
            user(`imported${at}@who.test`, { password_hash, ...seat }),
          ),
          user('disabled-imported@who.test', { active: false }),
        ],
      })
      const { db } = server.ctx
      const known = await db.read.selectFrom('users').select('email').where('email', 'like', '%@who.test').execute()
      const names = [
        ...known.map(({ email }) => email),
        ...['unknown@who.test', 'no address', 'ünknown@who.test', 'unknown@xn--who.test', '@', '', 'x'.repeat(5_000)],
      ]
      for (const rich of [false, true]) {
        const answers = new Map<string, string[]>()
        const tryAs = async (name: string) => {
          const { status, headers, text } = await signIn(server, name, 'a wrong password', { rich })
          const told = [...headers].filter(([header]) => !['x-request-id', 'date'].includes(header))
          const bytes = JSON.stringify([status, told, text.replace(/"request_id":"[^"]+"/, '')])
          answers.set(bytes, [...(answers.get(bytes) ?? []), name])
        }
        await Promise.all(names.map(tryAs))
        assert.equal(answers.size, 1, JSON.stringify([...answers]))
        assert.match([...answers.keys()][0] ?? '', /^\[401,/)
      }
    })
  })
}

/** OWASP's least for argon2id, with a salt of its own. Returns the salt. */
function assertStrong(hash: string | null): string {
  const [, memory, time, parallelism, salt = ''] =
    /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$[A-Za-z0-9+/]{43}$/.exec(hash ?? '') ?? []
  assert.ok(Number(memory) >= 19_456 && Number(time) >= 2 && Number(parallelism) >= 1, hash ?? 'none')
  assert.equal(Buffer.from(salt, 'base64').length, 16)
  return salt
}
