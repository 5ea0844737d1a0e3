import { hashPassword, verifyPassword } from '../packages/server/src/credentials/password-hash.ts'
import { freePort } from '../tools/free-port.ts'
import type { Drill, DrillEnv, Measured } from './support/drill.ts'
import { houseOf, member } from './support/house.ts'
import { signIn } from './support/http.ts'
import { newPassword, oneCharacterOff, sameElsewhere } from './support/passwords.ts'
import { newPlace } from './support/place.ts'
import { seed, startServer } from './support/process.ts'
import { Random } from './support/random.ts'
import { count } from './support/table.ts'

const START = 20_260_101
const FULL = 10_000
const QUICK = 120
const OVER_HTTP = 40
const AT_ONCE = 4

/** Weaker than ours or from elsewhere, each right for its password. */
const FOREIGN = [
  {
    scheme: 'pbkdf2_sha256',
    password: 'correct horse battery',
    hash: 'pbkdf2_sha256$1000$saltysalt$mFrNkv5iSGH91rz48G6wvz9xKZihQ03KmTZTWR8gDAo=',
  },
  { scheme: 'bcrypt', password: 'U*U', hash: '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' },
  {
    scheme: 'bcrypt_sha256',
    password: 'correct horse battery',
    hash: 'bcrypt_sha256$$2b$05$wGCr5DoD/AVjuczJ2ZEoouhfVlMLk0REMj1M7VKkqZNlO36heGHjO',
  },
  {
    scheme: 'argon2id m=8192',
    password: 'correct horse battery',
    hash: 'argon2$argon2id$v=19$m=8192,t=1,p=1$Obs+CdAcVjndcLBJxExAyg$g17ltkYxWIQdD0myYYlv2EOWWUWtatLEe6NkHUPQNj8',
  },
]

export const drill: Drill = {
  promise: 'A1',
  title: 'right passwords work, wrong ones never',
  databases: ['sqlite', 'postgres'],
  async run(env) {
    // No database has a part in the bulk of it.
    return [...(env.database === 'sqlite' ? await hashed(env) : []), ...(await overHttp(env))]
  },
}

async function hashed(env: DrillEnv): Promise<Measured[]> {
  const random = new Random(START)
  const wanted = env.quick ? QUICK : FULL
  const strings: string[] = []
  let done = 0
  let refusedRight = 0
  let acceptedWrong = 0
  const worker = async () => {
    while (done < wanted) {
      if (++done % 1_000 === 0) env.say(`${count(done)} passwords`)
      const password = newPassword(random)
      const right = sameElsewhere(password, random)
      const wrong = oneCharacterOff(password, random)
      const hash = await hashPassword(password)
      strings.push(hash)
      const stored = { hash, isForeign: false }
      if (!(await verifyPassword(right, stored))) refusedRight++
      if (await verifyPassword(wrong, stored)) acceptedWrong++
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return [
    {
      what: `${count(wanted)} passwords, each right and one character off`,
      measured: `${refusedRight} right refused, ${acceptedWrong} wrong accepted`,
      wanted: '0 and 0',
      passed: refusedRight === 0 && acceptedWrong === 0 && strings.length === wanted,
    },
    strength('their stored strings', strings),
  ]
}

async function overHttp(env: DrillEnv): Promise<Measured[]> {
  const random = new Random(START + 1)
  const place = await newPlace(env)
  // The longest and each kind of piece are among them whatever the numbers say.
  const passwords = ['🐟'.repeat(1024), 'e\u0301'.repeat(1024), ' a\0b\tc\nd1e2f3 ']
  while (passwords.length < OVER_HTTP) passwords.push(newPassword(random))
  const ours = passwords.map((password, index) => member({ email: `own${index}@drill.test`, password }))
  const foreign = FOREIGN.map(({ hash }, index) => member({ email: `foreign${index}@drill.test`, password_hash: hash }))
  await seed(env.stage, place.settings, houseOf([...ours, ...foreign]))
  const server = await startServer(env.stage, place.settings, await freePort())
  const statuses = { right: new Map<number, number>(), wrong: new Map<number, number>() }
  const ask = async (kind: keyof typeof statuses, email: string, password: string) => {
    const { status, body } = await signIn(server.url, email, password)
    statuses[kind].set(status, (statuses[kind].get(status) ?? 0) + 1)
    if (status !== (kind === 'right' ? 200 : 401))
      env.say(`a ${kind} password of ${[...password].length} characters: ${status} ${body}`)
  }
  for (const [index, password] of passwords.entries()) {
    const email = `own${index}@drill.test`
    await ask('wrong', email, oneCharacterOff(password, random))
    for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD']) await ask('right', email, password.normalize(form))
  }
  for (const [index, { password }] of FOREIGN.entries()) {
    await ask('wrong', `foreign${index}@drill.test`, oneCharacterOff(password, random))
    await ask('right', `foreign${index}@drill.test`, password)
    await ask('right', `foreign${index}@drill.test`, password)
  }
  await server.stop()
  const rows = await place.query('select password_hash, password_foreign from users')
  const told = (kind: keyof typeof statuses) =>
    [...statuses[kind]].map(([status, times]) => `${times} x ${status}`).join(', ')
  return [
    {
      what: `sign-ins of ${OVER_HTTP} users, in four Unicode forms, and of ${FOREIGN.length} with imported hashes`,
      measured: `right: ${told('right')}; wrong: ${told('wrong')}`,
      wanted: 'only 200; only 401',
      passed: [...statuses.right.keys()].join() === '200' && [...statuses.wrong.keys()].join() === '401',
    },
    strength(
      'strings in the table, imported ones after one sign-in',
      rows.map((row) => String(row.password_hash)),
    ),
  ]
}

function strength(what: string, strings: readonly string[]): Measured {
  const read = strings.map((text) => /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$([A-Za-z0-9+/]+)\$/.exec(text))
  const strong = read.filter((found) => found && Number(found[1]) >= 19_456 && Number(found[2]) >= 2).length
  const salts = new Set(
    read.map((found) => found?.[3]).filter((salt) => Buffer.from(salt ?? '', 'base64').length === 16),
  )
  const least = Math.min(...read.map((found) => Number(found?.[1] ?? 0)))
  return {
    what,
    measured: `${count(strong)} of ${count(strings.length)} argon2id, m>=${least}; ${count(salts.size)} different salts of 16 bytes`,
    wanted: 'all argon2id m>=19456 t>=2 p=1, own 16-byte salt',
    passed: strong === strings.length && salts.size === strings.length && strings.length > 0,
  }
}
